"""An approval is pending or closed: nothing ever set the state between."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("approvals", "0012_roles_have_a_time")]

    operations = [
        migrations.AlterField(
            "approval",
            "status",
            models.CharField(
                choices=[("pending", "waiting for an answer"), ("closed", "closed")],
                default="pending",
                max_length=10,
            ),
        ),
    ]
