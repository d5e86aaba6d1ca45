"""Changes of accounts are told from now on."""

from django.db import migrations, models

from connections.migrations import _account_triggers


def tell(apps, schema_editor):
    for statement in _account_triggers.create_statements(schema_editor.connection.vendor):
        schema_editor.execute(statement, params=None)


def tell_no_more(apps, schema_editor):
    for statement in _account_triggers.drop_statements(schema_editor.connection.vendor):
        schema_editor.execute(statement, params=None)


class Migration(migrations.Migration):
    dependencies = [("connections", "0012_review_letters")]

    operations = [
        migrations.CreateModel(
            name="AccountChange",
            fields=[
                ("account", models.UUIDField(primary_key=True, serialize=False)),
                ("at", models.BigIntegerField(db_index=True)),
                ("mark", models.CharField(blank=True, max_length=36)),
            ],
        ),
        migrations.RunPython(tell, tell_no_more),
    ]
