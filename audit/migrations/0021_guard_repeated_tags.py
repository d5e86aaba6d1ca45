from django.db import migrations, models

from audit import guards


def guard(apps, schema_editor):
    vendor = schema_editor.connection.vendor
    for statement in guards.create_statements(vendor, guards.TAGS_GUARDED):
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
