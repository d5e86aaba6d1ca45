"""Changes of what the token broker goes by are told from now on (`audit.watched`)."""

from django.db import migrations

from audit import watched


def watch(apps, schema_editor):
    for statement in watched.create_statements(schema_editor.connection.vendor, *watched.FIRST):
        schema_editor.execute(statement, params=None)


def watch_no_more(apps, schema_editor):
    for statement in watched.drop_statements(schema_editor.connection.vendor, *watched.FIRST):
        schema_editor.execute(statement, params=None)


class Migration(migrations.Migration):
    dependencies = [
        ("approvals", "0006_erasures"),
        ("audit", "0012_last_change"),
        ("connections", "0012_review_letters"),
        ("enforcement", "0001_initial"),
        ("identity", "0005_seen_refusals"),
    ]

    operations = [migrations.RunPython(watch, watch_no_more)]
