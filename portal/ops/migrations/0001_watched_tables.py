"""Made triggers that are gone again (`0003_unwatched_tables`)."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("approvals", "0006_erasures"),
        ("audit", "0012_last_change"),
        ("connections", "0012_review_letters"),
        ("enforcement", "0001_initial"),
        ("identity", "0005_seen_refusals"),
    ]

    operations = []
