"""A review compares its list with the accounts themselves: no trigger records their changes."""

from django.db import migrations, models

from connections.migrations import _account_triggers


def make(_apps, schema_editor):
    for statement in _account_triggers.create_statements(schema_editor.connection.vendor):
        schema_editor.execute(statement, params=None)


def drop(_apps, schema_editor):
    vendor = schema_editor.connection.vendor
    for statement in _account_triggers.drop_statements(vendor):
        schema_editor.execute(statement, params=None)
    if vendor == "postgresql":
        for name in _account_triggers.FUNCTIONS:
            schema_editor.execute(f"DROP FUNCTION IF EXISTS {name}", params=None)


class Migration(migrations.Migration):
    dependencies = [("connections", "0025_sleep_recorded_at")]

    operations = [
        migrations.RunPython(drop, make),
        migrations.DeleteModel("AccountChange"),
    ]
