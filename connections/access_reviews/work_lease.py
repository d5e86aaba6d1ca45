"""The lease of a process that opens or closes a review: each batch renews it, a takeover ends it.

An erasure stops all of them: what they hold in memory may tell of the person.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Final

from django.db import connection, transaction
from django.db.models import Q

from approvals import clock
from approvals.errors import Refused
from audit.db import leases
from audit.db.sqlite_writer_lock_file import in_turn
from connections.models import Review

SILENT: Final = timedelta(minutes=3)
"""How long a process may say nothing; reading a list of a hundred thousand takes a part of it."""

_FREE_S: Final = 0.05


def until() -> datetime:
    """Until when a process counts as alive that says so now."""
    return clock.now() + SILENT


def lives(review: Review, now: datetime) -> bool:
    """Whether somebody opens or closes it at this moment."""
    return review.lease is not None and review.lease > now


def held_or_nobodys(review: Review) -> Q:
    """Rows that who works on `review` may clear away: another worker's are not among them."""
    return Q(lease=review.lease) | Q(lease=None)


def go_on(review: Review) -> None:
    """Say that one lives; to be called in the transaction of what is written.

    Raises:
        Refused: `interrupted`, where another worker took the review over, or somebody was erased.
    """
    now = clock.now()
    if not leases.renew(
        Review.anyhow.filter(pk=review.pk, lease__gt=now), review.lease, now + SILENT
    ):
        raise interrupted()
    review.lease = now + SILENT


@contextmanager
def batch(review: Review) -> Iterator[None]:
    """A transaction that writes a part, and says that one lives.

    A writer that finds SQLite locked looks again after a while, and would find it locked each
    time if the next part followed at once: behind each the file is free for a moment.

    Raises:
        Refused: as `go_on`.
    """
    held = review.lease
    try:
        with in_turn(), transaction.atomic():
            go_on(review)
            yield
    except BaseException:
        review.lease = held  # as the row has it
        raise
    if connection.vendor == "sqlite" and not connection.in_atomic_block:
        time.sleep(_FREE_S)


def interrupted() -> Refused:
    """The refusal for a process that was stopped."""
    return Refused(
        "interrupted",
        "It took too long, or someone was erased meanwhile. Nothing was done: ask again.",
    )


def being(verb: str) -> Refused:
    """The refusal for a second request of the same."""
    if verb == "review.open":
        return Refused("being_opened", "The list of that review is being written.")
    return Refused("being_closed", "It is being closed.")


def stop_all() -> None:
    """Stop everybody who opens or closes a review, in the caller's transaction."""
    Review.anyhow.exclude(lease=None).update(lease=None)
