"""The order in which checkpoints were signed, which their signed text does not tell.

A checkpoint signs size and root, not when. So `created` can only be held between its neighbours,
the newest entry it covers, and now; the sequencer never writes one that goes back.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from audit import clock
from audit.models import Checkpoint, Event
from audit.report import Findings

SKEW = timedelta(minutes=5)  # clocks of several hosts


class SignedOrder:
    """Takes checkpoints by size and id, and reports ids or times that go back."""

    def __init__(self, findings: Findings) -> None:
        self._findings = findings
        self._before: Checkpoint | None = None
        self._created: datetime | None = None

    def check(self, row: Checkpoint) -> None:
        """Compare one with those before it."""
        name = f"checkpoint {row.pk}"
        before, self._before = self._before, row
        if before is not None and row.pk < before.pk:
            told = f"checkpoint {before.pk} covers {before.size} entries"
            self._add(before, f"{told}, and {name}, signed before it, {row.size}")
        if self._created is not None and row.created < self._created:
            self._add(row, f"{name} says it was signed before one that covers less")
        elif row.created > clock.now() + SKEW:
            self._add(row, f"{name} says it was signed in the future")
        elif (
            self._created is None
            and (newest := _recorded(row.size - 1)) is not None
            and row.created < newest - SKEW
        ):
            self._add(row, f"{name} says it was signed before its entries were recorded")
        self._created = max(self._created or row.created, row.created)

    def _add(self, row: Checkpoint, message: str) -> None:
        self._findings.add("checkpoint", message, row.size)


def _recorded(index: int) -> datetime | None:
    return Event.objects.filter(leaf__seq=index).values_list("recorded_at", flat=True).first()
