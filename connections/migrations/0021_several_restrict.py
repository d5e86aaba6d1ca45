"""Several people freeze the same, and a setting keeps whose limits it has."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("connections", "0020_gone")]

    operations = [
        migrations.RemoveConstraint("freeze", "one_freeze_each"),
        migrations.AddIndex(
            "freeze", models.Index(fields=["kind", "name"], name="freeze_by_name")
        ),
        migrations.AddField("justintime", "also_by", models.JSONField(default=list)),
    ]
