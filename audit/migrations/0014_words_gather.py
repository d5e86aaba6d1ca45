"""On PostgreSQL, how many words wait for their place in the full-text index is told by batch."""

from django.db import migrations

from audit.search import fulltext_index


def take_limit(apps, schema_editor):
    for statement in fulltext_index.unlimited_statements(schema_editor.connection.vendor):
        schema_editor.execute(statement, params=None)


class Migration(migrations.Migration):
    dependencies = [("audit", "0013_thinning")]
    operations = [migrations.RunPython(take_limit, migrations.RunPython.noop)]
