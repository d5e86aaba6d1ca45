"""What somebody who writes the database does to the outpost of a gateway."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from approvals import clock
from audit.models import EventRow
from enforcement.models import Outpost
from tests.enforcement.outpost_device import Device

TAKEN_OUT = ["deleted", "with another key", "without the key of commands", "revoked", "moved"]


def take_out(how: str) -> None:
    """Change or delete its row, in one of the ways `TAKEN_OUT`."""
    if how == "deleted":
        Outpost.objects.all().delete()
    elif how == "with another key":
        Outpost.objects.update(public_key=Device().public_key)
    else:
        columns: dict[str, dict[str, Any]] = {
            "without the key of commands": {"command_key": ""},
            "revoked": {"revoked_at": clock.now()},
            "moved": {"instance": "edge-2"},
        }
        Outpost.objects.update(**columns[how])


def hide(action: str, how: str = "deleted") -> None:
    """Delete or alter the rows that only help to search the log."""
    enrolment = EventRow.objects.filter(action=action, target_kind="outpost")
    if how == "deleted":
        enrolment.delete()
    else:
        row = enrolment.get()
        row.event, row.seq, row.action = uuid4(), None, "outpost.revoked"
        row.save(force_insert=True)
