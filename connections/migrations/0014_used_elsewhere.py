"""The last day on which another application used an account, beside the account, and told."""

from django.db import migrations, models
from django.db.models import Max, OuterRef, Subquery

from connections.migrations import _account_triggers


def tell(_apps, schema_editor):
    for statement in _account_triggers.create_statements(schema_editor.connection.vendor):
        schema_editor.execute(statement, params=None)


def tell_no_more(_apps, schema_editor):
    for statement in _account_triggers.drop_statements(schema_editor.connection.vendor):
        schema_editor.execute(statement, params=None)


def take_days(apps, _schema_editor):
    """What the tenant log told before."""
    seen = apps.get_model("connections", "SeenUse").objects.filter(account=OuterRef("pk"))
    newest = seen.order_by().values("account").annotate(newest=Max("day")).values("newest")
    accounts = apps.get_model("connections", "ConnectedAccount").objects
    accounts.filter(pk__in=apps.get_model("connections", "SeenUse").objects.values("account")).update(
        elsewhere_on=Subquery(newest)
    )


class Migration(migrations.Migration):
    dependencies = [("connections", "0013_account_changes")]

    operations = [
        # The triggers name the column now, so they are made again.
        migrations.RunPython(tell_no_more, tell),
        migrations.AddField("connectedaccount", "elsewhere_on", models.DateField(null=True)),
        migrations.RemoveIndex("connectedaccount", "account_counted"),
        migrations.AddIndex(
            "connectedaccount",
            models.Index(
                fields=[
                    "state",
                    "connection",
                    "source",
                    "grant",
                    "used_on",
                    "elsewhere_on",
                    "watched_since",
                    "expires_at",
                    "state_since",
                    "sub",
                    "id",
                ],
                name="account_counted",
            ),
        ),
        migrations.RunPython(tell, tell_no_more),
        migrations.RunPython(take_days, migrations.RunPython.noop),
    ]
