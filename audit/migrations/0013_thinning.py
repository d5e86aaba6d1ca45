from django.db import migrations

from audit.db import insert_only


def thin(apps, schema_editor):
    for statement in insert_only.thinning_statements(schema_editor.connection.vendor):
        schema_editor.execute(statement, params=None)


def never_thin(apps, schema_editor):
    for statement in insert_only.no_thinning_statements(schema_editor.connection.vendor):
        schema_editor.execute(statement, params=None)


class Migration(migrations.Migration):

    dependencies = [
        ('audit', '0012_last_change'),
    ]

    operations = [
        migrations.RunPython(thin, never_thin),
    ]
