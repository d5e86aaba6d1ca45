"""The time of the event that an account fell asleep has a plain name."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("connections", "0024_variables_outlive_manifests")]

    operations = [
        migrations.RenameField("connectedaccount", "asleep_told", "sleep_recorded_at"),
    ]
