"""When this installation was upgraded to the version that fixed the defects."""

from __future__ import annotations

from datetime import datetime

from django.db import connection
from django.db.migrations.recorder import MigrationRecorder

_FIRST = ("connections", "0018_restrictions")
"""The first migration of that version."""


def upgraded_at() -> datetime | None:
    """The moment; None where the installation began with that version."""
    applied = MigrationRecorder(connection).applied_migrations()
    first, began = applied.get(_FIRST), applied.get(("connections", "0001_initial"))
    if first is None or began is None or (first.applied - began.applied).total_seconds() < 600:
        return None
    moment: datetime = first.applied
    return moment
