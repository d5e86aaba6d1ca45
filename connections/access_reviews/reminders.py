"""Letters before the due day of an access review, and on it, to reviewers who still have to decide.

Each is a row with a due time from the moment the review opens. What a person has left is read when
the letter is due: who has decided everything gets none.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, time, timedelta
from functools import partial
from itertools import batched
from typing import Final

from django.conf import settings
from django.urls import reverse

from approvals import clock
from approvals.models import NoticeState, Person
from approvals.notifications import delivery
from audit.ledger.format import safe_display
from connections.access_reviews import reviewer_permissions, work_lease
from connections.models import Review, Reviewers, ReviewLetter

BEFORE: Final = timedelta(days=3)
_HOUR: Final = time(8)  # UTC
_AT_ONCE: Final = 500
_BEING_WRITTEN: Final = timedelta(minutes=1)


def plan(review: Review, now: datetime) -> None:
    """Have the reviewers of a review that opens reminded, a batch at a time."""
    moments = [moment for moment in _moments(review) if moment > now]
    letters = (
        ReviewLetter(review=review, person_id=person, due=moment)
        for person in _reviewers(review)
        for moment in moments
    )
    for some in batched(letters, _AT_ONCE):
        with work_lease.batch(review):
            ReviewLetter.objects.bulk_create(some)


def plan_for_new_reviewer(review: Review, person: Person, now: datetime) -> None:
    """Have somebody to whom a part was reassigned notified at once, and reminded as the others."""
    if person.email:
        moments = [now, *(moment for moment in _moments(review) if moment > now)]
        ReviewLetter.objects.bulk_create(
            ReviewLetter(review=review, person=person, due=moment) for moment in moments
        )


def _moments(review: Review) -> Iterator[datetime]:
    day = datetime.combine(review.due.date(), _HOUR, review.due.tzinfo)
    yield day - BEFORE
    yield day


def _reviewers(review: Review) -> Iterator[int]:
    """Keys of the people who have an address, a batch at a time."""
    if review.reviewers == Reviewers.ADMINS:
        whose = iter([(one["iss"], one["sub"]) for one in review.admins])
    else:
        owners = review.items.order_by("iss", "sub").values_list("iss", "sub").distinct()
        whose = owners.iterator(_AT_ONCE)
    for some in batched(whose, _AT_ONCE):
        wanted = set(some)
        found = Person.objects.filter(sub__in={sub for _, sub in wanted}).exclude(email="")
        for pk, iss, sub in found.order_by("pk").values_list("pk", "iss", "sub"):
            if (iss, sub) in wanted:
                yield pk


def work(letter: ReviewLetter) -> None:
    """Send one letter that is due, or say why it was not sent."""
    now, row = clock.now(), ReviewLetter.objects.filter(pk=letter.pk)
    review, person = letter.review, letter.person
    if not review.digest:  # its list is still being written
        row.update(due=now + _BEING_WRITTEN)
        return
    late = now > review.due
    left = reviewer_permissions.undecided(person.as_actor("mail"), review, now)
    count = 0 if late else left.count()
    # After a pause of the worker both are due: the later one is enough.
    newer = ReviewLetter.objects.filter(review=review, person=person, due__lte=now)
    if not count or not person.email or newer.filter(pk__gt=letter.pk).exists():
        state = NoticeState.FAILED if late and letter.attempts else NoticeState.NEEDLESS
        row.update(state=state, due=None)
        return
    words = subject(review, now), text(review, count)
    delivery.deliver(letter, partial(delivery.mail, str(letter.id), person.email, *words))


LETTERS: Final = ((ReviewLetter, work),)


def subject(review: Review, now: datetime) -> str:
    """One line, without a name from elsewhere."""
    if now.date() == review.due.date():
        return "An access review is due today"
    return f"An access review is due on {review.due:%-d %b %Y}"


def text(review: Review, left: int) -> str:
    """The letter as plain text; the review's title is written out, never obeyed."""
    what = "1 account waits" if left == 1 else f"{left:,} accounts wait"
    return "\n".join(
        [
            f"{what} for your decision in the access review "
            f"{safe_display.visible(review.title)!r}.",
            f"It is due by the end of {review.due:%-d %b %Y} (UTC). What no one decided is listed "
            "in its result as that.",
            "",
            "Decide here:",
            settings.PORTAL_URL + reverse("connections:review", args=[review.pk]),
            "",
            "This letter changes nothing.",
            "",
        ]
    )
