"""Insert-only triggers and the full-text index, on either engine."""

from django.db import migrations

from audit.search import fulltext_index; from audit.db import insert_only


def forwards(apps, schema_editor):
    vendor = schema_editor.connection.vendor
    for statement in insert_only.create_statements(vendor, insert_only.FIRST_GUARDED):
        schema_editor.execute(statement, params=None)
    schema_editor.execute(fulltext_index.create_statement(vendor), params=None)


def backwards(apps, schema_editor):
    vendor = schema_editor.connection.vendor
    schema_editor.execute(fulltext_index.drop_statement(vendor), params=None)
    for statement in insert_only.drop_statements(vendor):
        schema_editor.execute(statement, params=None)


class Migration(migrations.Migration):
    dependencies = [("audit", "0001_initial")]
    operations = [migrations.RunPython(forwards, backwards)]
