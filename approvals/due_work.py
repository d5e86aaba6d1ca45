"""Due work is rows: asks to start or poll, steps to run, letters to send (DESIGN 1.3.3).

Any number of workers may sweep at once: a row is claimed by a conditional update of its lease, and
a worker that dies lets the lease run out. Until when it runs is also whose it is: a worker that was
too slow finds another time there and leaves the row. The worker's loops do this, and no message.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection
from datetime import datetime, timedelta
from typing import Any, Protocol
from uuid import UUID

from django.db import models
from django.db.models import Case, F, Value, When

from approvals import clock, idempotency
from approvals.models import Approval, Ask, Effect, EffectState, Notice
from approvals.notifications import approver_notices
from approvals.outbox import step_execution
from approvals.step_up import ciba, requests_nobody_was_asked, sealed_secrets
from audit.db import leases

log = logging.getLogger(__name__)

LEASE = timedelta(seconds=60)
CLAIM = timedelta(seconds=15)
"""For what waits in a batch behind others: a worker that dies holds that up for no longer. Whoever
comes to it later than that may find it taken, and leaves it."""
_BATCH = 100

Work = Callable[[], None]
_Row = type[models.Model]
_Kinds = tuple[tuple[_Row, Callable[[Any], None]], ...]
ASKING: _Kinds = ((Ask, ciba.work), (Approval, requests_nobody_was_asked.work))
STEPS: _Kinds = ((Effect, step_execution.run),)
LETTERS: _Kinds = ((Notice, approver_notices.work),)


def run_at_once(step: UUID) -> None:
    """Run a due step here and now; one that a worker holds, or that fails, stays due."""
    now = clock.now()
    if _claim(Effect, step, now):
        _call(Effect, step, step_execution.run, now + CLAIM)()


class Lanes(Protocol):
    """Starts work and does not wait for it, a few pieces at a time for each lane."""

    def has_capacity(self, lane: str) -> bool:
        """Whether one more piece of that lane may start now."""

    def full(self) -> set[str]:
        """Lanes that may start nothing now."""

    def start(self, lane: str, work: Work) -> None:
        """Start a piece of work, and return at once."""


def sweep(lanes: Lanes, kinds: _Kinds) -> int:
    """Start all due work of `kinds` that `lanes` have capacity for; returns how many rows it was.

    The worker sweeps asking, remote steps and letters apart, so that a slow gateway or mail server
    never delays a person's answer. What one gateway has no capacity for is not claimed, and is
    skipped: its steps, however many, never stand before those of another gateway.
    """
    now = clock.now()
    return sum(_start(lanes, model, handle, now) for model, handle in kinds)


def _start(lanes: Lanes, model: _Row, handle: Callable[[Any], None], now: datetime) -> int:
    """Start what there is capacity for. Looks again as long as a lane became full: behind its rows
    may be those of others."""
    started, full = 0, lanes.full()
    while True:
        for row in _due(model, now, full):
            lane = lane_of(row)
            if lanes.has_capacity(lane) and _claim(model, row.pk, now):
                lanes.start(lane, _call(model, row.pk, handle, now + CLAIM))
                started += 1
        before, full = full, full | lanes.full()
        if full == before or not hasattr(model, "instance"):
            return started


def _claim(model: _Row, pk: Any, now: datetime) -> bool:
    """Take a free row. A step whose last worker died with it is unknown: that worker may have died
    in the call, and the other side may have heard it."""
    free = model._default_manager.filter(leases.free(now), pk=pk)
    if model is not Effect:
        return leases.claim(free, now + CLAIM)
    died = When(lease__isnull=False, attempts__gt=0, then=Value(EffectState.UNKNOWN))
    return leases.claim(free, now + CLAIM, state=Case(died, default=F("state")))


def lane_of(row: models.Model) -> str:
    """What may be slow together with this row: the gateway of a step, else everything alike."""
    return str(getattr(row, "instance", ""))


def tidy(now: datetime) -> None:
    """Forget what is past its time: short-lived secrets and idempotency answers."""
    sealed_secrets.drop_expired(now)
    idempotency.drop_expired(now)


def _due(model: _Row, now: datetime, full: Collection[str] = ()) -> list[Any]:
    rows = model._default_manager.filter(leases.free(now))
    if full and hasattr(model, "instance"):
        rows = rows.exclude(instance__in=full)
    return list(rows.order_by("due", "pk")[:_BATCH])


def _call(model: _Row, pk: Any, handle: Callable[[Any], None], claimed: datetime) -> Work:
    rows = model._default_manager.filter(pk=pk)

    def call() -> None:
        # Rows before it in the batch may have taken longer than the lease.
        lease = clock.now() + LEASE
        if rows.filter(lease=claimed, due__isnull=False).update(lease=lease) == 0:
            return
        row = rows.get()
        try:
            handle(row)
        except Exception:
            # One row's trouble must not stop the others; its lease runs out and it is tried again.
            log.exception("sweep of %s %s failed", model.__name__, pk)
            return
        leases.release(rows, lease)

    return call
