"""Components need an allow from now on; an installation in use stays open until an admin decides."""

from django.db import migrations, models
from django.utils import timezone

_USED = ("connections_manifest", "connections_connectedaccount", "enforcement_asset")


def keep_open(apps, schema_editor):
    connection = schema_editor.connection
    with connection.cursor() as cursor:
        present = set(connection.introspection.table_names(cursor))
        for table in present.intersection(_USED):
            cursor.execute(f"SELECT 1 FROM {table} LIMIT 1")
            if cursor.fetchone():
                rule = apps.get_model("connections", "AllowRule")
                rule.objects.create(id=1, open=True, changed_at=timezone.now())
                return


class Migration(migrations.Migration):
    dependencies = [("connections", "0018_restrictions")]

    operations = [
        migrations.CreateModel(
            name="AllowRule",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("open", models.BooleanField(default=False)),
                ("changed_at", models.DateTimeField()),
                ("changed_by", models.CharField(blank=True, max_length=255)),
            ],
        ),
        migrations.RunPython(keep_open, migrations.RunPython.noop),
    ]
