"""What was decided about connections and is not finished: what waits for whom, and since when."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any, Final
from uuid import UUID

from django.db.models import Exists, Model, OuterRef, Q, QuerySet

from approvals.models import Approval, Ask, Effect, EffectState, Outcome, Status
from approvals.outbox import step_execution
from connections import account_names
from connections.access_reviews import remediation
from connections.models import NOT_HELD, Choice, ConnectedAccount, ReviewItem, State
from connections.revocation import deletion_step
from connections.scopes import catalogue

MOST: Final = 200
"""Rows on the page, and rows of a kind that are read at once."""
COUNTED: Final = 1_000
"""What is counted at most; behind it is more."""
KINDS: Final = ("deletion", "request", "review", "step", "suspension")
_ABOUT: Final = ("connection", "selection", "service", "person", "agent")
_ENDING: Final = (*NOT_HELD, State.REVOCATION_PENDING)
_UNDONE: Final = (EffectState.PENDING, EffectState.UNKNOWN, EffectState.FAILED)


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where something stands in the list: the oldest first, then by kind and id."""

    since: datetime
    kind: str
    id: UUID


@dataclass(frozen=True, slots=True)
class Remediation:
    """One thing that is not finished.

    Attributes:
        place: its kind is one of `KINDS`.
        state: waits, failed or unknown.
        waits_for: a person, `Auth0`, or a role, as people read it.
        detail: what is known of the last try, or what would end it.
        step: id of a remote step that can be tried again now; empty where nothing can.
    """

    place: Place
    what: str
    url: str
    state: str
    waits_for: str
    detail: str = ""
    step: str = ""

    @property
    def since(self) -> datetime:
        """Since when it waits."""
        return self.place.since


def pending() -> list[Remediation]:
    """What is not finished, the oldest first: the first thousand of it, and one more."""
    return list(islice(_walk(None), COUNTED + 1))


def page(after: Place | None, limit: int) -> tuple[list[Remediation], bool]:
    """What stands behind a place, and whether there is more behind that."""
    found = list(islice(_walk(after), limit + 1))
    return found[:limit], len(found) > limit


def _walk(after: Place | None) -> Iterator[Remediation]:
    """Everything behind a place in its order, read as it is asked for."""
    pending = ConnectedAccount.objects.filter(state=State.REVOCATION_PENDING)
    requests = Approval.objects.filter(status=Status.PENDING, target_kind__in=_ABOUT)
    return heapq.merge(
        _kind("deletion", pending, "state_since", _deletions, after),
        _kind("request", requests, "created", _requests, after),
        _kind("review", _undone_decisions(), "decided_at", _reviewed, after),
        _kind("step", _undone_steps(), "created", _steps, after),
        _kind("suspension", _held(), "state_since", _unanswered, after),
        key=lambda one: one.place,
    )


def _kind[M: Model](
    kind: str,
    found: QuerySet[M],
    since: str,
    describe: Callable[[list[M]], Iterator[Remediation]],
    after: Place | None,
) -> Iterator[Remediation]:
    """What is unfinished of one kind behind a place, in batches."""
    last: tuple[datetime, Any] | None = None
    if after is not None:
        # Of the same moment this kind stands before or behind that of the place as a whole.
        found = found.filter(**{f"{since}__{'gt' if kind < after.kind else 'gte'}": after.since})
        last = (after.since, after.id) if kind == after.kind else None
    ordered = found.order_by(since, "pk")
    while True:
        behind = ordered
        if last is not None:
            moment, pk = last
            behind = ordered.filter(
                Q(**{f"{since}__gt": moment}) | Q(**{since: moment, "pk__gt": pk})
            )
        rows = list(behind[:MOST])
        yield from describe(rows)
        if len(rows) < MOST:
            return
        last = (getattr(rows[-1], since), rows[-1].pk)


def try_again(step: str) -> bool:
    """Have a remote step of a connection tried at once; False where it is none, or is done."""
    found = Effect.objects.filter(pk=step, target_kind="connection", state__in=_UNDONE)
    return found.exists() and step_execution.again(found)


def step_in_words(step: str) -> str:
    """What a remote step does; empty where there is none."""
    found = Effect.objects.filter(pk=step, target_kind="connection").first()
    return found.label if found else ""


def _called(account: ConnectedAccount, people: dict[tuple[str, str], str]) -> tuple[str, str]:
    """Its owner and what it is, in words."""
    owner = people.get((account.iss, account.sub), account.sub)
    return owner, f"{owner}’s {account_names.in_words(account)}"


def _deletions(rows: list[ConnectedAccount]) -> Iterator[Remediation]:
    people, steps = account_names.people_names(row.sub for row in rows), _steps_of(rows)
    for account in rows:
        owner, called = _called(account, people)
        step = steps.get(str(account.id))
        failed = step is not None and step.state == EffectState.FAILED
        yield Remediation(
            place=Place(account.state_since, "deletion", account.id),
            what=f"Delete {called} at Auth0",
            url=f"/connections/{account.id}/",
            state="failed" if failed else "waits",
            waits_for=owner,
            detail=account.deletion_detail
            or "Refused here already. Auth0 deletes it once they next visit; someone who left may "
            "never do so.",
            step=str(step.pk) if step is not None and failed else "",
        )


def _steps_of(rows: Iterable[ConnectedAccount]) -> dict[str, Effect]:
    ids = [str(row.id) for row in rows]
    found = Effect.objects.filter(kind=deletion_step.DELETE, target_name__in=ids, state__in=_UNDONE)
    return {effect.target_name: effect for effect in found.order_by("created")}


def _undone_steps() -> QuerySet[Effect]:
    found = Effect.objects.filter(target_kind="connection", state__in=_UNDONE)
    return found.exclude(kind=deletion_step.DELETE)


def _steps(rows: list[Effect]) -> Iterator[Remediation]:
    """Remote steps that Auth0 itself has to answer."""
    for effect in rows:
        state = {"pending": "waits"}.get(effect.state, str(effect.state))
        yield Remediation(
            place=Place(effect.created, "step", effect.id),
            what=effect.label or effect.kind,
            url=f"/connections/{effect.target_name}/",
            state=state,
            waits_for="Auth0",
            detail=effect.detail,
            step=str(effect.pk),
        )


def _requests(rows: list[Approval]) -> Iterator[Remediation]:
    """Requests about connections that nobody answered yet."""
    asks = Ask.objects.filter(approval__in=rows).order_by("number").select_related("person")
    newest = {ask.approval_id: ask for ask in asks}
    for approval in rows:
        ask = newest.get(approval.pk)
        yield Remediation(
            place=Place(approval.created, "request", approval.id),
            what=approval.sentence,
            url=f"/approvals/{approval.pk}/",
            state="waits",
            waits_for=str(ask.person) if ask else "someone who could approve",
            detail="Held until it is answered." if approval.held else "",
        )


def _held() -> QuerySet[ConnectedAccount]:
    """Accounts that a request suspended, whether it waits or ended."""
    return ConnectedAccount.objects.filter(state=State.SUSPENDED).exclude(held_by="")


def stay_suspended(accounts: Iterable[ConnectedAccount] | None = None) -> list[ConnectedAccount]:
    """Those of the accounts, or of the first thousand held, that a request suspended which then
    ended without an answer."""
    given = _held()[:COUNTED] if accounts is None else accounts
    rows = [one for one in given if one.state == State.SUSPENDED and one.held_by]
    ended = Approval.objects.filter(
        pk__in={row.held_by for row in rows},
        status=Status.CLOSED,
        outcome__in=[Outcome.EXPIRED, Outcome.FAILED],
    )
    over = {str(key) for key in ended.values_list("pk", flat=True)} if rows else set()
    return [row for row in rows if row.held_by in over]


def _unanswered(rows: list[ConnectedAccount]) -> Iterator[Remediation]:
    """Accounts that a request suspended which then ended without an answer."""
    people = account_names.people_names(row.sub for row in rows)
    for account in stay_suspended(rows):
        yield Remediation(
            place=Place(account.state_since, "suspension", account.id),
            what=f"Revoke or resume {_called(account, people)[1]}",
            url=f"/connections/{account.id}/",
            state="waits",
            waits_for="an admin",
            detail="Suspended by a request that ended without an answer.",
        )


def _undone_decisions() -> QuerySet[ReviewItem]:
    """Those whose account can still be used: of others there is nothing left to do."""
    decided = ReviewItem.objects.filter(choice__in=[Choice.REDUCE, Choice.REVOKE])
    waiting = decided.filter(Q(operation="") | ~Q(approval=""), decided_at__isnull=False)
    usable = ConnectedAccount.objects.exclude(state__in=_ENDING).filter(pk=OuterRef("account"))
    return waiting.filter(Exists(usable)).select_related("review")


def _reviewed(rows: list[ReviewItem]) -> Iterator[Remediation]:
    """What access reviews decided and nobody has done."""
    states = remediation.states(rows)
    people = account_names.people_names(row.sub for row in rows)
    for item in rows:
        state, owner = states[item.id], people.get((item.iss, item.sub), item.sub)
        if state not in {*remediation.AGAIN, "owner asked"} or item.decided_at is None:
            continue
        reduce = state == "owner asked"
        yield Remediation(
            place=Place(item.decided_at, "review", item.id),
            what=f"{'Reduce' if reduce else 'Revoke'} {owner}’s {catalogue.title(item.connection)} "
            f"account, as the review “{item.review.title}” decided",
            url=f"/connections/reviews/{item.review_id}/{item.pk}/",
            state="waits",
            waits_for=owner if reduce else "an admin",
            detail="They were asked to disconnect it and connect it again."
            if reduce
            else "The revocation was not asked for, or did not hold.",
        )
