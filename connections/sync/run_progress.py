"""Comparisons of everybody with Auth0: how far each is, and what it found."""

from __future__ import annotations

from uuid import UUID

from django.db.models import F

from approvals import clock
from audit.models import EventRow
from connections.models import ReconcileRun

KEPT = 50
PATIENCE = 3
COUNTED = frozenset({"appeared", "vanished", "scopes_changed"})


def begin(total: int) -> ReconcileRun:
    """A new one over so many people; the oldest are forgotten, their events stay."""
    old = ReconcileRun.objects.values_list("pk", flat=True)[KEPT - 1 :]
    ReconcileRun.objects.filter(pk__in=list(old)).delete()
    return ReconcileRun.objects.create(started=clock.now(), total=total)


def go_on(run: ReconcileRun) -> ReconcileRun:
    """Take up one that was stopped."""
    ReconcileRun.objects.filter(pk=run.pk).update(resumed=F("resumed") + 1)
    run.refresh_from_db()
    return run


def reached(run: ReconcileRun, after: int, done: int, failed: int) -> None:
    """It is done up to this person; counts are of the whole run."""
    changed = {"after": after, "done": done, "failed": failed}
    if after != run.after:
        run.after, run.stuck = after, 0
        changed["stuck"] = 0
    ReconcileRun.objects.filter(pk=run.pk).update(**changed)


def passes(run: ReconcileRun) -> bool:
    """Whether to go on past people who cannot be read: after stopping before them three times."""
    stuck = 0 if run.stuck >= PATIENCE else run.stuck + 1
    ReconcileRun.objects.filter(pk=run.pk).update(stuck=stuck)
    run.stuck = stuck
    return stuck == 0


def count(run: UUID, drift: str) -> None:
    """One more difference, in the transaction of its event."""
    name = drift if drift in COUNTED else "other"
    ReconcileRun.objects.filter(pk=run).update(**{name: F(name) + 1})


def finish(run: ReconcileRun) -> None:
    """Everybody was asked about."""
    ReconcileRun.objects.filter(pk=run.pk).update(finished=clock.now())


def page(run: ReconcileRun, after: UUID | None, limit: int) -> tuple[list[EventRow], bool]:
    """Differences that it found behind a separate event, newest first; whether more follow."""
    found = EventRow.of_operation(str(run.pk)).filter(action="connection.reconciled")
    if after is not None:
        found = found.filter(event__lt=after)
    rows = list(found.order_by("-event")[: limit + 1])
    return rows[:limit], len(rows) > limit
