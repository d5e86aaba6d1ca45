"""Large reviews open and close as background work: the request ends, and a worker does it.

What was asked is a row. A worker takes it through `perform` as who asked, with the roles that they
have by then, and the row goes in the transaction of the event: done once, or not at all. Where the
worker dies the row stays, and the next one starts again, since a list is of one moment.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import Any, Final
from uuid import UUID

from django.db import IntegrityError, InterfaceError, OperationalError, transaction
from django.db.models import Max

from approvals import actor_json, clock, people_and_roles, policy, registry
from approvals.errors import Refused
from approvals.pipeline.service import Performed, perform
from approvals.policy import break_glass_limits
from audit.recording.actors import Actor, Target
from connections.access_reviews import open_decide_close, queued_job_seals, work_lease
from connections.access_reviews.account_filter import Wanted, take
from connections.models import Review, ReviewItem, ReviewLines, ReviewWork

log = logging.getLogger(__name__)

AT_ONCE: Final = 2_000
"""Accounts of a review that is opened and closed while its admin waits: about a second."""
_TAKEN: Final = timedelta(seconds=60)
_LATER: Final = timedelta(seconds=10)
_BUSY: Final = frozenset({"being_opened", "being_closed", "interrupted"})
"""Refusals that pass: somebody is at it, died at it, or was stopped by an erasure."""
_DONE: Final = frozenset({"already_open", "review_closed"})


@dataclass(frozen=True, slots=True)
class UnderWay:
    """How far a review is that opens or closes, in accounts; `total` 0 while they are read.

    Attributes:
        work: what was asked; None where the request does it itself, as the API does.
        problem: why it was not done.
    """

    review: UUID
    title: str
    done: int
    total: int
    work: ReviewWork | None

    @property
    def problem(self) -> str:
        return self.work.detail if self.work is not None and self.work.due is None else ""


def begin(actor: Actor, verb: str, target: Target, params: Mapping[str, Any]) -> bool:
    """Open or close a review: at once where it is small, else as work; whether it is done.

    Raises:
        Refused: as `perform`, and `being_opened` or `being_closed` where it was asked already.
    """
    if _number(verb, target, params) <= AT_ONCE or not _may(actor, verb, target):
        perform(actor, verb, target, params=params)
        return True
    open_decide_close.check(verb, target, params)
    id, now = UUID(target.name), clock.now()
    by, given = actor_json.to_json(actor), dict(params)
    row = ReviewWork(review=id, verb=verb, actor=by, params=given, asked=now, due=now)
    try:
        with transaction.atomic():
            ReviewWork.objects.filter(pk=id, due=None).delete()  # tried again
            queued_job_seals.seal(row).save(force_insert=True)
    except IntegrityError:
        raise work_lease.being(verb) from None
    return False


def _number(verb: str, target: Target, params: Mapping[str, Any]) -> int:
    if verb == "review.close":
        return _last(ReviewItem, target.name, "number")
    return take(Wanted.parse(params), clock.now()).number


def _may(actor: Actor, name: str, target: Target) -> bool:
    """Whether a worker may do it for them; who may not is refused by `perform`, in its words."""
    verb = registry.get(name)
    return policy.may(actor, verb, target) and not break_glass_limits.why_not(actor, verb)


def cancel(review: UUID) -> bool:
    """Stop what was asked and is not done, or put away why it was not; False where it is too late.

    Nothing was decided, so nothing is on record; who writes at this moment finds out and stops.
    """
    if not ReviewWork.objects.filter(pk=review).exists():
        return False
    with transaction.atomic():  # in the order in which a commit takes the same rows
        Review.anyhow.filter(pk=review, closed_at=None).exclude(lease=None).update(lease=None)
        gone, _ = ReviewWork.objects.filter(pk=review).delete()
    return bool(gone)


def run_due() -> int:
    """Do what was asked; how many were tried."""
    now = clock.now()
    due = ReviewWork.objects.filter(due__lte=now).order_by("due").values_list("pk", flat=True)
    tried = 0
    for id in list(due[:5]):
        if ReviewWork.objects.filter(pk=id, due__lte=now).update(due=clock.now() + _TAKEN):
            _do(ReviewWork.objects.filter(pk=id).first())
            tried += 1
    return tried


def _do(work: ReviewWork | None) -> None:
    if work is None:
        return
    if not queued_job_seals.is_sealed(work):
        queued_job_seals.refuse(work)
        return
    # Its due time is the lease: where another worker took it over, it is another one.
    mine = ReviewWork.objects.filter(pk=work.pk, due=work.due)
    asker = actor_json.from_json(work.actor)
    known = people_and_roles.find(asker.iss, asker.sub)
    try:
        perform(
            replace(asker, roles=known.roles_now if known else frozenset()),
            work.verb,
            Target("review", str(work.pk)),
            params=work.params,
            before_commit=partial(_settle, work.pk),
        )
    except Refused as refused:
        if refused.code in _BUSY:
            mine.update(due=clock.now() + _LATER)
        elif refused.code in _DONE:
            mine.delete()
        else:
            mine.update(due=None, code=refused.code, detail=refused.detail[:500])
    except (InterfaceError, OperationalError):
        log.exception("%s waits for the database", work)  # tried again: its row is due
    except Exception:
        log.exception("%s failed", work)
        mine.update(due=None, code="failed", detail="It failed; the log of the worker says why.")


def _settle(review: UUID, _done: Performed) -> None:
    if not ReviewWork.objects.filter(pk=review).delete()[0]:
        raise work_lease.interrupted()  # it was cancelled in this very moment


def being_opened() -> list[UnderWay]:
    """Reviews that open, and those that were asked for and did not, the oldest first."""
    rows = {one.pk: one for one in ReviewWork.objects.filter(verb="review.open")}
    written = Review.opening.filter(lease__gt=clock.now()).order_by("opened_at", "pk")
    found = [
        UnderWay(
            one.pk,
            one.title,
            _last(ReviewItem, one.pk, "number"),
            one.total,
            rows.pop(one.pk, None),
        )
        for one in written
    ]
    waiting = sorted(rows.values(), key=lambda work: (work.asked, work.pk))
    return [*found, *(UnderWay(w.pk, str(w.params.get("title", "")), 0, 0, w) for w in waiting)]


def being_closed(review: Review) -> UnderWay | None:
    """How far it is, where it closes or was asked to."""
    work = ReviewWork.objects.filter(pk=review.pk).first()
    if work is None and not work_lease.lives(review, clock.now()):
        return None
    done = _last(ReviewLines, review.pk, "first")
    total = _last(ReviewItem, review.pk, "number") if done else 0
    return UnderWay(review.pk, review.title, done, total, work)


def _last(model: type[ReviewItem] | type[ReviewLines], review: UUID | str, column: str) -> int:
    """The highest number of an account in some rows of a review: accounts are numbered from 1."""
    try:
        rows = model.objects.filter(review=UUID(str(review))).order_by()
    except ValueError:
        return 0  # no name of a review: `perform` says so
    return int(rows.aggregate(last=Max(column))["last"] or 0)
