"""Whether components need an allow is watched, as all that the broker goes by."""

from django.db import migrations

from audit import watched

TABLE = "connections_allowrule"


def watch(apps, schema_editor):
    for statement in watched.create_statements(schema_editor.connection.vendor, TABLE):
        schema_editor.execute(statement, params=None)


def watch_no_more(apps, schema_editor):
    for statement in watched.drop_statements(schema_editor.connection.vendor, TABLE):
        schema_editor.execute(statement, params=None)


class Migration(migrations.Migration):
    dependencies = [
        ("ops", "0001_watched_tables"),
        ("connections", "0019_allow_rule"),
    ]

    operations = [migrations.RunPython(watch, watch_no_more)]
