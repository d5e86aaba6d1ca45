"""Opening a review while others write.

Its list is read at one moment, written a batch at a time, and opened by one short transaction,
which seals the list and records the event. Until then it is one of `Review.opening`. What a dead
process left of one is taken away: a list is of one moment, so that nobody goes on with it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet

from approvals import clock
from approvals.errors import Refused
from connections.access_reviews import frozen_account_list, reminders, work_lease
from connections.access_reviews.account_filter import Taken, Wanted, take
from connections.access_reviews.frozen_account_list import Listed
from connections.consistent_read import one_moment
from connections.models import Review, ReviewItem

NAMED: Final = 100
"""Changed accounts that are named; more are counted."""
_AT_ONCE: Final = 5_000


@dataclass(frozen=True, slots=True)
class Written:
    """A list that is stored and not opened.

    Attributes:
        as_of: its moment.
        lease: of who wrote it.
        changed: accounts of it that changed while it was written.
    """

    listed: Listed
    as_of: datetime
    lease: datetime | None
    changed: list[UUID]


def write(review: Review, wanted: Wanted) -> Written:
    """Store a review that is to open with its list, and with the letters that remind of it.

    Raises:
        Refused: `already_open`, `being_opened`, `nothing_to_review`, `too_many`, `interrupted`.
    """
    _begin(review)
    try:
        with one_moment():
            now = clock.now()
            taken = take(wanted, now)
            check(taken)
            listed = frozen_account_list.read(review.pk, taken)
        Review.opening.filter(pk=review.pk).update(total=listed.seal.number)
        for items in listed.batches():
            with work_lease.batch(review):
                ReviewItem.objects.bulk_create(items)
        reminders.plan(review, now)
        with one_moment():
            changed = frozen_account_list.differing(review, taken)
        work_lease.go_on(review)
        return Written(listed, now, review.lease, changed)
    except BaseException:
        take_away(Review.opening.filter(work_lease.held_or_nobodys(review), pk=review.pk))
        raise


def _begin(review: Review) -> None:
    there = Review.anyhow.filter(pk=review.pk).first()
    if there is not None and there.digest:
        raise Refused("already_open", "There is a review of that name already.")
    if there is not None and work_lease.lives(there, clock.now()):
        raise work_lease.being("review.open")
    take_away(Review.opening.filter(pk=review.pk))
    review.lease = work_lease.until()
    try:
        with transaction.atomic():
            review.save(force_insert=True)
    except IntegrityError:
        raise work_lease.being("review.open") from None


def check(taken: Taken) -> None:
    """Refuse a filter that takes nothing, or too much.

    Raises:
        Refused: `nothing_to_review`, `too_many`.
    """
    if not taken.number:
        raise Refused("nothing_to_review", "The filter takes no account.")
    if taken.number > frozen_account_list.MOST:
        raise Refused(
            "too_many",
            f"The filter takes {taken.number} accounts of {frozen_account_list.MOST} at most.",
        )


def take_away(reviews: QuerySet[Review]) -> None:
    """Delete reviews that did not open; a worker that still writes one of them is stopped."""
    for id in list(reviews.values_list("pk", flat=True)):
        if not reviews.filter(pk=id).update(lease=None):
            continue  # it opened meanwhile, or says that it lives
        items = ReviewItem.objects.filter(review=id).order_by()
        while some := list(items.values_list("pk", flat=True)[:_AT_ONCE]):
            ReviewItem.objects.filter(pk__in=some).delete()
        Review.opening.filter(pk=id).delete()


def tidy(now: datetime) -> None:
    """Take away what dead processes left."""
    take_away(Review.opening.filter(Q(lease=None) | Q(lease__lte=now)))
