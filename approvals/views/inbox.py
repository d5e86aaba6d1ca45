"""The inbox: what waits for me, what I asked for, everything that waits, and what is over."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from django.db.models import Case, Exists, OuterRef, Q, QuerySet, Value, When

from approvals import proven_approvals
from approvals.cancel_resend_confirm_denial import may_confirm_denial
from approvals.models import Approval, Ask, AskState, Outcome, Status
from approvals.proven_approvals import Signature
from approvals.views import request_labels
from approvals.views.holds_that_stay import decide_url, why_hold_stays
from approvals.views.request_labels import Standing
from approvals.views.request_list_filter import EVERYTHING, SEES_ALL, RequestFilter
from audit.recording.actors import Actor

OPEN_ASKS = (AskState.STARTING, AskState.WAITING)
HISTORY_PAGE = 25
_MOST_PENDING = 200


@dataclass(frozen=True, slots=True)
class Row:
    """One approval in a list."""

    approval: Approval
    ask: Ask | None
    standing: Standing
    requester: str
    asked: str
    outcome: str
    total_s: int
    hold_stays: str
    decide_url: str
    may_confirm: bool

    @property
    def url(self) -> str:
        """Its page."""
        return f"/approvals/{self.approval.id}/"

    @property
    def code(self) -> str:
        """The code on both screens, while it counts."""
        return self.ask.code if self.ask and self.approval.status == Status.PENDING else ""

    @property
    def how(self) -> str:
        """What its asked person does."""
        return request_labels.how_to_answer(self.ask) if self.ask else ""


@dataclass(frozen=True, slots=True)
class Inbox:
    """Pending approvals, each in the first list that it belongs to; and `unconfirmed` denials.

    Attributes:
        more: how many pending ones are not listed; `older` is when the last listed one was made,
            None where an older page would not have the others.
        more_unconfirmed: how many unconfirmed ones are not listed.
    """

    for_me: list[Row]
    by_me: list[Row]
    others: list[Row]
    unconfirmed: list[Row]
    more: int = 0
    older: datetime | None = None
    more_unconfirmed: int = 0

    @property
    def version(self) -> str:
        """Changes whenever a list would look different."""
        shown = [*self.for_me, *self.by_me, *self.others, *self.unconfirmed]
        rows = "-".join(f"{r.approval.id.hex[-8:]}{r.ask.number if r.ask else 0}" for r in shown)
        return f"{rows}.{self.more}.{self.more_unconfirmed}" if self.is_cut else rows

    @property
    def is_cut(self) -> bool:
        """Whether something is not listed."""
        return bool(self.more or self.more_unconfirmed)


def visible(viewer: Actor) -> QuerySet[Approval]:
    """Approvals that this person may see: roles see all, members their own."""
    found = Approval.objects.prefetch_related("asks__person")
    if viewer.roles & SEES_ALL:
        return found
    mine = Q(requester_iss=viewer.iss, requester_sub=viewer.sub)
    asked = Q(pk__in=_asked_of(viewer).values("approval"))
    return found.filter(mine | asked)


def _asked_of(viewer: Actor) -> QuerySet[Ask]:
    return Ask.objects.filter(person__iss=viewer.iss, person__sub=viewer.sub)


def waiting_for(viewer: Actor) -> QuerySet[Approval]:
    """Pending approvals whose current ask is on this person's phone."""
    asked = _asked_of(viewer).filter(state__in=OPEN_ASKS).values("approval")
    return Approval.objects.filter(status=Status.PENDING, pk__in=asked)


def unconfirmed_by(viewer: Actor) -> QuerySet[Approval]:
    """Denials that this person was asked for and has not confirmed yet."""
    return Approval.objects.filter(_unconfirmed_by(viewer))


def count_for(viewer: Actor) -> int:
    """Requests that need this person's answer, and denials that need their confirmation."""
    return (waiting_for(viewer) | unconfirmed_by(viewer)).count()


def _unconfirmed_by(viewer: Actor) -> Q:
    by = Q(answered_by__iss=viewer.iss, answered_by__sub=viewer.sub)
    return by & Q(status=Status.CLOSED, outcome=Outcome.DENIED, inferred=True)


def inbox(
    viewer: Actor, wanted: RequestFilter = EVERYTHING, before: datetime | None = None
) -> Inbox:
    """What waits, is wanted and this person may see, with how much of it is not listed; a few
    queries. With `before`, an older page of it.

    What waits for this person is among them however much else waits: their phone sends them here
    to compare the code.
    """
    asked = _asked_of(viewer).filter(approval=OuterRef("pk"), state__in=OPEN_ASKS)
    mine = When(Exists(asked) | _unconfirmed_by(viewer), then=Value(True))
    theirs = Case(mine, default=Value(False))
    waits = Q(status=Status.PENDING)
    if not wanted.status:
        waits |= Q(status=Status.CLOSED, inferred=True)
    found = wanted.narrow(visible(viewer)).filter(waits).annotate(theirs=theirs)
    if before is not None:
        found = found.filter(theirs=False, created__lt=before)
    listed = list(found.order_by("-theirs", "inferred", "-created")[:_MOST_PENDING])
    rows = rows_of(listed, viewer)
    unconfirmed = [r for r in rows if r.approval.status == Status.CLOSED]
    pending = [r for r in rows if r.approval.status == Status.PENDING]
    for_me = [r for r in pending if r.ask and _is(r.ask, viewer)]
    rest = [r for r in pending if r not in for_me]
    by_me = [r for r in rest if _asked_by(r.approval, viewer)]
    lists = Inbox(for_me, by_me, [r for r in rest if r not in by_me], unconfirmed)
    if len(rows) < _MOST_PENDING:
        return lists
    waiting = found.filter(status=Status.PENDING)
    return replace(
        lists,
        more=waiting.count() - len(pending),
        older=rest[-1].approval.created if rest else None,
        more_unconfirmed=found.exclude(status=Status.PENDING).count() - len(unconfirmed),
    )


def closed(
    viewer: Actor, before: datetime | None, wanted: RequestFilter = EVERYTHING
) -> tuple[list[Row], datetime | None]:
    """A page of what is over, newest first, and where the next page begins; without a status to
    filter by, also without denials that are not confirmed yet."""
    found = wanted.narrow(visible(viewer)).exclude(status=Status.PENDING)
    if wanted.status and wanted.status != Status.PENDING:
        found = found.filter(outcome=wanted.status)
    elif not wanted.status:
        found = found.exclude(inferred=True)
    if before is not None:
        found = found.filter(created__lt=before)
    page = list(found.order_by("-created")[: HISTORY_PAGE + 1])
    more = page[HISTORY_PAGE - 1].created if len(page) > HISTORY_PAGE else None
    return rows_of(page[:HISTORY_PAGE], viewer), more


def matching(viewer: Actor, wanted: RequestFilter) -> int:
    """How many requests a filter finds, waiting or over."""
    found = wanted.narrow(visible(viewer))
    if wanted.status == Status.PENDING:
        return found.filter(status=Status.PENDING).count()
    if wanted.status:
        found = found.exclude(status=Status.PENDING).filter(outcome=wanted.status)
    return found.count()


def rows_of(approvals: Iterable[Approval], viewer: Actor) -> list[Row]:
    """Approvals whose asks were prefetched, as rows."""
    listed = list(approvals)
    signed = proven_approvals.signatures(listed)
    return [_row(approval, viewer, signed[approval.pk]) for approval in listed]


def _row(approval: Approval, viewer: Actor, signed: Collection[Signature]) -> Row:
    asks = sorted(approval.asks.all(), key=lambda a: a.number)
    answered = request_labels.answered_asks(approval, asks)
    ask = request_labels.shown_ask(answered or asks, viewer)
    named = answered or ([ask] if ask else [])
    return Row(
        approval=approval,
        ask=ask,
        standing=request_labels.standing(approval, ask, viewer, signed),
        requester=request_labels.requester_name(approval, viewer),
        asked=" and ".join(request_labels.person_name(one.person, viewer) for one in named),
        outcome=request_labels.outcome_words(approval, viewer, signed) if approval.outcome else "",
        total_s=request_labels.total_s(approval, ask),
        hold_stays=why_hold_stays(approval),
        decide_url=decide_url(approval, viewer),
        may_confirm=may_confirm_denial(viewer, approval),
    )


def _is(ask: Ask, viewer: Actor) -> bool:
    return (ask.person.iss, ask.person.sub) == (viewer.iss, viewer.sub)


def _asked_by(approval: Approval, viewer: Actor) -> bool:
    return (approval.requester_iss, approval.requester_sub) == (viewer.iss, viewer.sub)
