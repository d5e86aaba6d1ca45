"""A restriction has an id that its copies on other accounts carry."""

from django.db import migrations, models

from connections.migrations import _account_triggers


def tell(_apps, schema_editor):
    for statement in _account_triggers.create_statements(schema_editor.connection.vendor):
        schema_editor.execute(statement, params=None)


def tell_no_more(_apps, schema_editor):
    for statement in _account_triggers.drop_statements(schema_editor.connection.vendor):
        schema_editor.execute(statement, params=None)


class Migration(migrations.Migration):
    dependencies = [("connections", "0021_several_restrict")]

    operations = [
        # SQLite makes the table again, which drops its triggers.
        migrations.RunPython(tell_no_more, tell),
        migrations.AddField(
            "connectedaccount",
            "restriction",
            models.CharField(blank=True, default="", max_length=36),
            preserve_default=False,
        ),
        migrations.RunPython(tell, tell_no_more),
    ]
