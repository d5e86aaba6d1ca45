from django.db import migrations

from audit import guards


def thin(apps, schema_editor):
    for statement in guards.thinning_statements(schema_editor.connection.vendor):
        schema_editor.execute(statement, params=None)


def never_thin(apps, schema_editor):
    for statement in guards.no_thinning_statements(schema_editor.connection.vendor):
        schema_editor.execute(statement, params=None)


class Migration(migrations.Migration):

    dependencies = [
        ('audit', '0012_last_change'),
    ]

    operations = [
        migrations.RunPython(thin, never_thin),
    ]
