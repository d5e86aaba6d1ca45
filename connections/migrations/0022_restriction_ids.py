"""A restriction has an id that its copies on other accounts carry."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("connections", "0021_several_restrict")]

    operations = [
        migrations.AddField(
            "connectedaccount",
            "restriction",
            models.CharField(blank=True, default="", max_length=36),
            preserve_default=False,
        ),
    ]
