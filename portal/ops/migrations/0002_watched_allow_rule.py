"""Made triggers that are gone again (`0003_unwatched_tables`)."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("ops", "0001_watched_tables"),
        ("connections", "0019_allow_rule"),
    ]

    operations = []
