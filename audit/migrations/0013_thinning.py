from django.db import migrations

from audit.migrations import _insert_only

OF = ("audit_checkpoint", "delete")
# The condition reads the row alone: SQLite breaks a trigger that names a table remade later.
YOUNG = {
    "sqlite": "OLD.created >= datetime('now', '-7 days')",
    "postgresql": "(old.created >= (now() - '7 days'::interval))",
}


def replace(schema_editor, when):
    vendor = schema_editor.connection.vendor
    schema_editor.execute(_insert_only.drop_one(vendor, *OF), params=None)
    schema_editor.execute(_insert_only.create_one(vendor, *OF, when), params=None)


def thin(apps, schema_editor):
    replace(schema_editor, YOUNG[schema_editor.connection.vendor])


def never_thin(apps, schema_editor):
    replace(schema_editor, "")


class Migration(migrations.Migration):

    dependencies = [
        ('audit', '0012_last_change'),
    ]

    operations = [
        migrations.RunPython(thin, never_thin),
    ]
