"""A manifest keeps which variables held which connections' tokens before."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("connections", "0022_restriction_ids")]

    operations = [
        migrations.AddField("manifest", "held_variables", models.JSONField(default=dict)),
    ]
