"""Due work is rows: asks to start or poll, steps to run, letters to send (DESIGN 1.3.3).

Any number of workers may sweep at once: a row is claimed by a conditional update of its lease, and
a worker that dies lets the lease run out. Until when it runs is also whose it is: a worker that was
too slow finds another time there and leaves the row. The worker's loops do this, and no message.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from django.db import models

from approvals import clock, effects, idempotency, leases, polling, secret_box, telling, unanswered
from approvals.models import Approval, Ask, Effect, Notice
from audit.compiled import Compiled, compiled

log = logging.getLogger(__name__)

LEASE = timedelta(seconds=60)
CLAIM = timedelta(seconds=15)
"""For what waits in a batch behind others: a worker that dies holds that up for no longer. Whoever
comes to it later than that may find it taken, and leaves it."""
_BATCH = 100

Work = Callable[[], None]
_Row = type[models.Model]
_Kinds = tuple[tuple[_Row, Callable[[Any], None]], ...]
ASKING: _Kinds = ((Ask, polling.work), (Approval, unanswered.work))
STEPS: _Kinds = ((Effect, effects.run),)
LETTERS: _Kinds = ((Notice, telling.work),)


def due_work(now: datetime, kinds: _Kinds) -> list[Work]:
    """Claim what is due and return it as calls, in order of due time within each kind."""
    lease = now + CLAIM
    return [
        _call(model, pk, handle, lease)
        for model, handle in kinds
        for pk in _due(model, now)
        if _claim(model, pk, now)
    ]


def sweep(
    run: Callable[[Iterable[Work]], None] | None = None, kinds: _Kinds = ASKING + STEPS + LETTERS
) -> int:
    """Do all due work of `kinds` once and return how many rows it was.

    `run` may spread it over threads. The worker sweeps asking, remote steps and letters
    apart, so that a slow gateway or mail server never delays a person's answer.
    """
    work = due_work(clock.now(), kinds)
    if run is None:
        for piece in work:
            piece()
    else:
        run(work)
    return len(work)


def tidy(now: datetime) -> None:
    """Forget what is past its time: short-lived secrets and idempotency answers."""
    secret_box.drop_expired(now)
    idempotency.drop_expired(now)


@cache
def _due_rows(model: _Row) -> Compiled[Any, [datetime]]:
    """Asked twice a second, nearly always for nothing: compiled once, as that costs the most."""

    @compiled
    def due(now: datetime) -> models.QuerySet[Any]:
        return model._default_manager.filter(leases.free(now)).order_by("due", "pk")[:_BATCH]

    return due


def _due(model: _Row, now: datetime) -> list[Any]:
    return [row.pk for row in _due_rows(model)(now)]


def _claim(model: _Row, pk: Any, now: datetime) -> bool:
    return leases.claim(model._default_manager.filter(pk=pk), now, now + CLAIM)


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
