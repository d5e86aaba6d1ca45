"""What was decided about connections and is not finished: what waits for whom, and since when."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db.models import Q

from approvals import effects
from approvals.models import Approval, Effect, EffectState, Outcome, Person, Status
from connections import deletion, names, scopes
from connections.models import Choice, ConnectedAccount, ReviewItem, State
from connections.reviews import remedy

MOST: Final = 200
"""Rows of each kind: who has more has to filter the inventory."""
_KINDS: Final = ("connection", "selection", "service", "person", "agent")
_UNDONE: Final = (EffectState.PENDING, EffectState.UNKNOWN, EffectState.FAILED)


@dataclass(frozen=True, slots=True)
class Remediation:
    """One thing that is not finished.

    Attributes:
        state: waits, failed or unknown.
        waits_for: a person, `Auth0`, or a role, as people read it.
        detail: what is known of the last try, or what would end it.
        step: id of a remote step that can be tried again now; empty where nothing can.
    """

    what: str
    url: str
    state: str
    waits_for: str
    since: datetime
    detail: str = ""
    step: str = ""


def pending() -> list[Remediation]:
    """Everything that is not finished, the oldest first."""
    found = [*_deletions(), *_steps(), *_asked(), *_unanswered(), *_reviewed()]
    return sorted(found, key=lambda one: one.since)


def try_again(step: str) -> bool:
    """Have a remote step of a connection tried at once; False where it is none, or is done."""
    found = Effect.objects.filter(pk=step, target_kind="connection", state__in=_UNDONE)
    return found.exists() and effects.again(found)


def _people(accounts: Iterable[ConnectedAccount]) -> dict[tuple[str, str], str]:
    subs = {account.sub for account in accounts}
    known = Person.objects.filter(sub__in=subs).values_list("iss", "sub", "name", "email")
    return {(iss, sub): name or email or sub for iss, sub, name, email in known}


def _called(account: ConnectedAccount, people: dict[tuple[str, str], str]) -> tuple[str, str]:
    """Its owner and what it is, in words."""
    owner = people.get((account.iss, account.sub), account.sub)
    return owner, f"{owner}’s {names.in_words(account)}"


def _deletions() -> Iterator[Remediation]:
    found = ConnectedAccount.objects.filter(state=State.REVOCATION_PENDING)
    rows = list(found.order_by("state_since")[:MOST])
    people, steps = _people(rows), _steps_of(rows)
    for account in rows:
        owner, called = _called(account, people)
        step = steps.get(str(account.id))
        failed = step is not None and step.state == EffectState.FAILED
        yield Remediation(
            what=f"Delete {called} at Auth0",
            url=f"/connections/{account.id}/",
            state="failed" if failed else "waits",
            waits_for=owner,
            since=account.state_since,
            detail=account.deletion_detail
            or "Refused here already; it ends with their own token, at their next visit.",
            step=str(step.pk) if step is not None and failed else "",
        )


def _steps_of(rows: Iterable[ConnectedAccount]) -> dict[str, Effect]:
    ids = [str(row.id) for row in rows]
    found = Effect.objects.filter(kind=deletion.DELETE, target_name__in=ids, state__in=_UNDONE)
    return {effect.target_name: effect for effect in found.order_by("created")}


def _steps() -> Iterator[Remediation]:
    """Remote steps that Auth0 itself has to answer."""
    found = Effect.objects.filter(target_kind="connection", state__in=_UNDONE)
    for effect in found.exclude(kind=deletion.DELETE).order_by("created")[:MOST]:
        state = {"pending": "waits"}.get(effect.state, str(effect.state))
        yield Remediation(
            what=effect.label or effect.kind,
            url=f"/connections/{effect.target_name}/",
            state=state,
            waits_for="Auth0",
            since=effect.created,
            detail=effect.detail,
            step=str(effect.pk),
        )


def _asked() -> Iterator[Remediation]:
    """Requests about connections that nobody answered yet."""
    found = Approval.objects.filter(status=Status.PENDING, target_kind__in=_KINDS)
    for approval in found.order_by("created")[:MOST]:
        ask = approval.current
        yield Remediation(
            what=approval.sentence,
            url=f"/approvals/{approval.pk}/",
            state="waits",
            waits_for=str(ask.person) if ask else "somebody who could approve",
            since=approval.created,
            detail="Held until it is answered." if approval.held else "",
        )


def _unanswered() -> Iterator[Remediation]:
    """Accounts that a request suspended which then ended without an answer."""
    held = ConnectedAccount.objects.filter(state=State.SUSPENDED).exclude(held_by="")
    rows = list(held.order_by("state_since")[:MOST])
    ended = Approval.objects.filter(
        pk__in={row.held_by for row in rows},
        status=Status.CLOSED,
        outcome__in=[Outcome.EXPIRED, Outcome.FAILED],
    )
    over, people = {str(approval.pk) for approval in ended}, _people(rows)
    for account in rows:
        if account.held_by in over:
            yield Remediation(
                what=f"Revoke or resume {_called(account, people)[1]}",
                url=f"/connections/{account.id}/",
                state="waits",
                waits_for="an admin",
                since=account.state_since,
                detail="Suspended by a request that ended without an answer.",
            )


def _reviewed() -> Iterator[Remediation]:
    """What access reviews decided and nobody has done."""
    decided = ReviewItem.objects.filter(choice__in=[Choice.REDUCE, Choice.REVOKE])
    waiting = decided.filter(Q(operation="") | ~Q(approval="")).select_related("review")
    rows = list(waiting.order_by("-decided_at")[:MOST])
    states = remedy.states(rows)
    people = {
        (iss, sub): name or email
        for iss, sub, name, email in Person.objects.filter(
            sub__in={row.sub for row in rows}
        ).values_list("iss", "sub", "name", "email")
    }
    for item in rows:
        state, owner = states[item.id], people.get((item.iss, item.sub), item.sub)
        if state not in {*remedy.AGAIN, "owner asked"} or item.decided_at is None:
            continue
        reduce = state == "owner asked"
        yield Remediation(
            what=f"{'Reduce' if reduce else 'Revoke'} {owner}’s {scopes.title(item.connection)} "
            f"account, as the review “{item.review.title}” decided",
            url=f"/connections/reviews/{item.review_id}/{item.pk}/",
            state="waits",
            waits_for=owner if reduce else "an admin",
            since=item.decided_at,
            detail="They were asked to disconnect it and connect it again."
            if reduce
            else "The revocation was not asked for, or did not hold.",
        )
