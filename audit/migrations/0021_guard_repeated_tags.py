from django.db import migrations, models

from audit.migrations import _insert_only


def guard(apps, schema_editor):
    vendor = schema_editor.connection.vendor
    for statement in _insert_only.create(vendor, "audit_repeatedtag"):
        schema_editor.execute(statement, params=None)


class Migration(migrations.Migration):

    dependencies = [
        ('audit', '0020_repeated_tags'),
    ]

    operations = [
        migrations.AlterField(
            model_name='repeatedtag',
            name='event',
            field=models.UUIDField(db_index=True),
        ),
        # Undone by 0002's, as those of the other tables.
        migrations.RunPython(guard, migrations.RunPython.noop),
    ]
