"""Everybody signs in once more: stored sessions had the key that the browser's cookie holds."""

from __future__ import annotations

from typing import Any

from django.db import migrations


def end_all(apps: Any, schema_editor: Any) -> None:
    """Remove all sessions: a copy of the database that was made before opens none."""
    apps.get_model("identity", "SignedInSession").objects.all().delete()
    apps.get_model("sessions", "Session").objects.all().delete()


class Migration(migrations.Migration):
    dependencies = [
        ("identity", "0006_break_glass_tries"),
        ("sessions", "0001_initial"),
    ]

    operations = [migrations.RunPython(end_all, migrations.RunPython.noop)]
