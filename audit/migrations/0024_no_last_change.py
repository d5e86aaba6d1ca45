from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("audit", "0023_tags_without_events"),
        ("ops", "0003_unwatched_tables"),
    ]

    operations = [migrations.DeleteModel(name="LastChange")]
