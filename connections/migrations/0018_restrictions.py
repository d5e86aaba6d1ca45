"""What a state covers is kept whole, so that lifting it returns to what stood before."""

from datetime import UTC

from django.db import migrations, models

from connections.migrations import _account_triggers

_FORMAT = "%Y-%m-%dT%H:%M:%S.%fZ"


def tell(_apps, schema_editor):
    for statement in _account_triggers.create_statements(schema_editor.connection.vendor):
        schema_editor.execute(statement, params=None)


def tell_no_more(_apps, schema_editor):
    for statement in _account_triggers.drop_statements(schema_editor.connection.vendor):
        schema_editor.execute(statement, params=None)


def keep_what_stood_before(apps, _schema_editor):
    """The state alone was kept. Since when it stood was not: the earliest moment that can be.

    What others did before a revocation is not in the rows; the audit trail has it.
    """
    accounts = apps.get_model("connections", "ConnectedAccount").objects
    for row in accounts.exclude(state__in=["connected", "needs_reconnect"]).iterator():
        others = row.state == "suspended" or (row.state == "revocation_pending" and row.state_by)
        row.barred = bool(others and (row.state_by != row.sub or row.held_by))
        if row.state_before:
            since = row.watched_since.astimezone(UTC).strftime(_FORMAT)
            row.earlier = [
                {"state": row.state_before, "since": since, "reason": "", "by": "", "held_by": ""}
            ]
        row.save(update_fields=["earlier", "barred"])


def keep_the_state_alone(apps, _schema_editor):
    accounts = apps.get_model("connections", "ConnectedAccount").objects
    for row in accounts.exclude(earlier=[]).iterator():
        row.state_before = row.earlier[0]["state"]
        row.save(update_fields=["state_before"])


class Migration(migrations.Migration):
    dependencies = [("connections", "0017_review_work")]

    operations = [
        # SQLite makes the table again, which drops its triggers.
        migrations.RunPython(tell_no_more, tell),
        migrations.AddField("connectedaccount", "earlier", models.JSONField(default=list)),
        migrations.AddField("connectedaccount", "barred", models.BooleanField(default=False)),
        migrations.RunPython(keep_what_stood_before, keep_the_state_alone),
        migrations.RemoveField("connectedaccount", "state_before"),
        migrations.RunPython(tell, tell_no_more),
    ]
