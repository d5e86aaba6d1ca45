"""Insert-only triggers and the full-text index, on either engine."""

from django.db import migrations

from audit import fulltext, guards


def forwards(apps, schema_editor):
    vendor = schema_editor.connection.vendor
    for statement in guards.create_statements(vendor, guards.FIRST_GUARDED):
        schema_editor.execute(statement, params=None)
    schema_editor.execute(fulltext.create_statement(vendor), params=None)


def backwards(apps, schema_editor):
    vendor = schema_editor.connection.vendor
    schema_editor.execute(fulltext.drop_statement(vendor), params=None)
    for statement in guards.drop_statements(vendor):
        schema_editor.execute(statement, params=None)


class Migration(migrations.Migration):
    dependencies = [("audit", "0001_initial")]
    operations = [migrations.RunPython(forwards, backwards)]
