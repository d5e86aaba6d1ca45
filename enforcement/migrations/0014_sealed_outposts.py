from datetime import UTC, datetime
from typing import Any

from django.db import migrations, models

from audit.evidence import row_seals

_SEALED = {
    "Outpost": (
        "ata.outpost.v1",
        (
            *("id", "public_key", "command_key", "instance", "operation", "enrolled_at"),
            *("suspended_at", "suspended_by", "revoked_at", "contested_at"),
        ),
    ),
    "EnrolmentCode": (
        "ata.outpost-code.v1",
        (
            *("approval", "operation", "instance", "decided_at"),
            *("digest", "expires_at", "used_at"),
        ),
    ),
}


def _json(value: Any) -> str | None:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    return None if value is None else str(value)


def seal(apps: Any, schema_editor: Any) -> None:
    """Outposts that an older release enrolled, and its codes, go on counting."""
    for name, (label, columns) in _SEALED.items():
        rows = apps.get_model("enforcement", name).objects.using(schema_editor.connection.alias)
        for row in list(rows.all()):
            said = {column: _json(getattr(row, column)) for column in columns}
            rows.filter(pk=row.pk).update(seal=row_seals.seal(label, said))


class Migration(migrations.Migration):
    dependencies = [
        ("enforcement", "0013_words_of_an_unread_result"),
    ]

    operations = [
        migrations.AddField(
            model_name="enrolmentcode",
            name="seal",
            field=models.CharField(blank=True, max_length=64),
        ),
        migrations.AddField(
            model_name="outpost",
            name="seal",
            field=models.CharField(blank=True, max_length=64),
        ),
        migrations.RunPython(seal, migrations.RunPython.noop),
    ]
