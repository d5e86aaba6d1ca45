"""Nothing is remembered of these tables any more, so no trigger records that they changed."""

from django.db import migrations

TABLES = (
    "approvals_person",
    "connections_allowrule",
    "connections_freeze",
    "connections_justintime",
    "connections_manifest",
    "connections_manifestneed",
    "connections_scoperule",
    "enforcement_asset",
    "identity_commandlinesignin",
)


def drop_triggers(apps, schema_editor):
    on_sqlite = schema_editor.connection.vendor == "sqlite"
    for table in TABLES:
        for what in ("", "_truncate", "_insert", "_update", "_delete"):
            on = "" if on_sqlite else f" ON {table}"
            schema_editor.execute(f"DROP TRIGGER IF EXISTS {table}_tells{what}{on}")
    if not on_sqlite:
        schema_editor.execute("DROP FUNCTION IF EXISTS audit_tell_change()")


class Migration(migrations.Migration):
    dependencies = [("ops", "0002_watched_allow_rule")]

    operations = [migrations.RunPython(drop_triggers, migrations.RunPython.noop)]
