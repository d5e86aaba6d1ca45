"""Rendered lines of exports, 256 events a row; a cache, filled by the worker."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("audit", "0005_reading_at_volume")]
    operations = [
        migrations.CreateModel(
            name="ExportBlock",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("format", models.CharField(max_length=8)),
                ("first", models.BigIntegerField()),
                ("body", models.BinaryField()),
                ("seal", models.BinaryField(max_length=32)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("format", "first"), name="audit_export_block_once")
                ],
            },
        ),
    ]
