"""On PostgreSQL, how many words wait for their place in the full-text index is told by batch."""

from django.db import migrations


def take_limit(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("ALTER INDEX audit_row_terms RESET (gin_pending_list_limit)")


class Migration(migrations.Migration):
    dependencies = [("audit", "0013_thinning")]
    operations = [migrations.RunPython(take_limit, migrations.RunPython.noop)]
