"""Closing a review while others write.

From its first step on nobody decides any more. Then what was decided and what came of it is read at
one moment, and written a batch at a time; one short transaction signs it and records the event.
Where the process dies the review is open again, without lines.
"""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from django.db import transaction
from django.db.models import Q

from approvals import clock
from approvals.errors import Refused
from connections.access_reviews import signed_result_file, work_lease
from connections.access_reviews.signed_result_file import Lines
from connections.consistent_read import one_moment
from connections.models import Review, ReviewLines


class Closing(NamedTuple):
    """Lines of a result that are stored and not signed, and the lease of who stored them."""

    lines: Lines
    lease: datetime | None


def write(review: Review) -> Closing:
    """Store the lines of the result of an open review.

    Raises:
        Refused: `review_closed`, `being_closed`, `interrupted`.
    """
    _begin(review)
    try:
        with one_moment():
            lines = signed_result_file.read(review)
        for row in signed_result_file.rows(review, lines):
            with work_lease.batch(review):
                row.save(force_insert=True)
        work_lease.go_on(review)
        return Closing(lines, review.lease)
    except BaseException:
        _give_up(review)
        raise


def _begin(review: Review) -> None:
    with transaction.atomic():
        row = Review.objects.select_for_update().get(pk=review.pk)
        if row.closed_at is not None:
            raise Refused("review_closed", "It is closed already.")
        if work_lease.lives(row, clock.now()):
            raise work_lease.being("review.close")
        ReviewLines.objects.filter(review=row).delete()
        review.lease = work_lease.until()
        Review.objects.filter(pk=row.pk).update(lease=review.lease)


def _give_up(review: Review) -> None:
    with transaction.atomic():
        rows = Review.objects.select_for_update().filter(work_lease.held_or_nobodys(review))
        row = rows.filter(pk=review.pk, closed_at=None).first()
        if row is not None:
            ReviewLines.objects.filter(review=row).delete()
            Review.objects.filter(pk=row.pk).update(lease=None)


def tidy(now: datetime) -> None:
    """Open again what dead processes were closing."""
    silent = Q(lease__lte=now) | Q(lease=None, lines__isnull=False)
    for review in Review.objects.filter(silent, closed_at=None).distinct():
        _give_up(review)
