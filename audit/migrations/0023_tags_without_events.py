from django.db import migrations
from django.db.models import Exists, OuterRef

from audit.migrations import _insert_only

TABLE = "audit_repeatedtag"


def drop_tags_without_events(apps, schema_editor):
    """Versions before kept the tags of rows that were set aside, and so called the next row with
    such a tag a copy. Their trigger lets them go for this statement only."""
    event = apps.get_model("audit", "Event").objects.filter(id=OuterRef("event"))
    stray = apps.get_model("audit", "RepeatedTag").objects.filter(~Exists(event))
    if not stray.exists():
        return
    vendor = schema_editor.connection.vendor
    schema_editor.execute(_insert_only.drop_one(vendor, TABLE, "delete"), params=None)
    stray.delete()
    schema_editor.execute(_insert_only.create_one(vendor, TABLE, "delete"), params=None)


class Migration(migrations.Migration):
    dependencies = [
        ("audit", "0022_cosigned_by"),
    ]

    operations = [
        migrations.RunPython(drop_tags_without_events, migrations.RunPython.noop),
    ]
