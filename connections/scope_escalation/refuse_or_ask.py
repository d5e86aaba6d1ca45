"""The broker's answer to a request beyond a manifest: refused now, and put to people once.

The owner of the account is asked on their own device, then somebody who watches over security. What
waits, was denied or was asked too often is not asked again.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from django.db import IntegrityError
from django.db.models import QuerySet

from approvals import clock
from approvals.errors import Refused
from approvals.models import Approval, Outcome, Status
from approvals.pipeline.service import Performed, perform
from audit.ledger.format import safe_display
from audit.recording.actors import Actor, Target
from connections import connection_and_agent_names, permissions
from connections.account_names import minute
from connections.broker.component_checks import Component
from connections.broker.errors import TokenRefusal
from connections.models import Allowance, ConnectedAccount, Escalation
from connections.notifications import notices_on_owner_pages
from connections.scope_escalation import allowances_in_force, attempt_limits, connection_rules
from connections.scope_escalation.attempt_limits import Noted, TooManyAsks
from connections.scopes import catalogue, containment

QUIET: Final = timedelta(hours=24)
"""How long nobody is asked again for what somebody denied or took back."""
VERB: Final = "scope.grant"


@dataclass(frozen=True, slots=True)
class Tried:
    """A request for scopes that the manifest does not declare."""

    actor: Actor
    account: ConnectedAccount
    component: Component
    scopes: tuple[str, ...]
    agent: str = ""
    prompt: bool = True  # whether people may be asked

    @property
    def title(self) -> str:
        """The service, as people call it."""
        return catalogue.title(self.account.connection)


class _Overtaken(Exception):
    """Another process asked for the same in the same moment."""


@dataclass(frozen=True, slots=True)
class Unasked:
    """A try that was counted, about which somebody has to be asked."""

    tried: Tried
    noted: Noted


def check(tried: Tried) -> frozenset[str] | Unasked:
    """The scopes beyond the manifest that people allowed, where they cover all that is wanted;
    else what somebody has to be asked. Asks nobody.

    Raises:
        TokenRefusal: `scope_escalation_pending`, `scope_not_declared` or `asked_too_often`, where
            it is refused without asking anybody; `interaction_required`.
    """
    allowed = allowances_in_force.scopes_of(tried.account, tried.component)
    missing = containment.beyond(tried.account.connection, tried.scopes, allowed)
    if not missing:
        return allowed
    tried, now = replace(tried, scopes=missing), clock.now()
    if not tried.prompt:  # counted neither: nobody asked for anything
        raise TokenRefusal.unprompted(_what(tried), tried.account)
    noted = attempt_limits.note(tried.account, tried.component, tried.scopes, tried.agent, now)
    if noted.within_hour == attempt_limits.CRITICAL_FROM:  # it was this try that made it critical
        _tell(tried, "scope_repeated", f"{noted.within_hour} tries within an hour")
    unasked = Unasked(tried, noted)
    if refusal := _unknown(tried) or _standing(tried, now) or _too_often(tried, now):
        raise _with_facts(refusal, unasked)
    return unasked


def ask(unasked: Unasked) -> TokenRefusal:
    """Put it to people; the refusal names the approval to wait for."""
    return _with_facts(_ask(unasked.tried, unasked.noted, clock.now()), unasked)


def _with_facts(refusal: TokenRefusal, unasked: Unasked) -> TokenRefusal:
    refusal.account, refusal.excess = unasked.tried.account, unasked.tried.scopes
    refusal.severity = unasked.noted.severity
    refusal.facts = {"tries_within_hour": unasked.noted.within_hour}
    return refusal


def _unknown(tried: Tried) -> TokenRefusal | None:
    """A name that nobody knows rings no phone."""
    connection = tried.account.connection
    for scope in connection_and_agent_names.unknown_scopes(connection, tried.scopes):
        hint = connection_and_agent_names.did_you_mean(
            scope, connection_and_agent_names.scopes_of(connection)
        )
        return _not_declared(tried, f"{tried.title} has no known permission {scope}.{hint}")
    return None


def _too_often(tried: Tried, now: datetime) -> TokenRefusal | None:
    try:
        attempt_limits.check_asks(tried.account, tried.component, now)
    except TooManyAsks as limit:
        return _too_many(tried, limit)
    return None


def _standing(tried: Tried, now: datetime) -> TokenRefusal | None:
    """What an earlier request about the same comes to; None where somebody may be asked."""
    for approval in _requests(tried.account, tried.component).exclude(status=Status.CLOSED):
        if {*approval.params["scopes"]} == {*tried.scopes}:
            return _pending(tried, approval)
    until = quiet_until(tried.account, tried.component, tried.scopes, now)
    if until is None:
        return None
    return _not_declared(
        tried, f"It was denied or taken back, and no one is asked again before {minute(until)}."
    )


def _requests(account: ConnectedAccount, component: Component) -> QuerySet[Approval]:
    """Every request about what a component wants of an account, of any requester."""
    return Approval.objects.filter(
        verb=VERB,
        target_kind="connection",
        target_name=str(account.id),
        params__component=str(component),
    )


def quiet_until(
    account: ConnectedAccount, component: Component, wanted: Collection[str], now: datetime
) -> datetime | None:
    """Until when nobody is asked for these scopes, because somebody denied or took back a part of
    them, or what one of them contains; None where somebody may be asked."""
    since = now - QUIET
    denied = _requests(account, component).filter(outcome=Outcome.DENIED, closed__gt=since)
    ended = Allowance.objects.filter(
        account=account, kind=component.kind, name=component.name, ended_at__gt=since
    )
    over = [
        *((one.params["scopes"], one.closed) for one in denied),
        *((one.scopes, one.ended_at) for one in ended),
    ]
    moments = [
        at + QUIET
        for refused, at in over
        if at is not None and not containment.left_out(account.connection, refused, wanted)
    ]
    return max(moments, default=None)


def denied_until(
    requester: Actor, component: Component, gained: Mapping[str, Collection[str]], now: datetime
) -> datetime | None:
    """Until when somebody who was denied one of these scopes, or what one of them contains, may not
    declare them either.

    `gained` are the scopes of a declaration by connection.
    """
    denied = Approval.objects.filter(
        verb=VERB,
        params__component=str(component),
        requester_iss=requester.iss,
        requester_sub=requester.sub,
        outcome=Outcome.DENIED,
        closed__gt=now - QUIET,
    )
    over = []
    for one in denied:
        account = permissions.by_id(one.target_name)
        if one.closed is None or account is None:
            continue
        refused = {*one.params["scopes"]}
        wanted = gained.get(account.connection, ())
        if len(containment.left_out(account.connection, refused, wanted)) < len(refused):
            over.append(one.closed + QUIET)
    return max(over, default=None)


def _ask(tried: Tried, noted: Noted, now: datetime) -> TokenRefusal:
    """Put it to the owner; the row and the request are written together or not at all."""
    before = noted.row.approval

    def claim(done: Performed) -> None:
        if done.approval is None:  # no policy lets this pass unasked; see `actions`
            return
        attempt_limits.hold(tried.account, tried.component)
        mine = Escalation.objects.filter(pk=noted.row.pk, approval=before)
        if not mine.update(approval=str(done.approval.id), asked_at=now):
            raise _Overtaken
        _tell(tried, "scope_asked", ", ".join(tried.scopes))

    try:
        done = perform(
            replace(tried.actor, via="broker"),
            VERB,
            Target("connection", str(tried.account.id)),
            params=_params(tried, noted.row),
            severity=noted.severity,
            before_commit=claim,
        )
    except TooManyAsks as limit:
        return _too_many(tried, limit)
    except Refused as refused:
        return _not_declared(tried, f"No one was asked: {refused.detail}")
    except (_Overtaken, IntegrityError):
        return _standing(tried, now) or _not_declared(tried, "Ask again in a moment.")
    return _pending(tried, done.approval) if done.approval else _not_declared(tried, "")


def _params(tried: Tried, row: Escalation) -> dict[str, object]:
    return {
        "escalation": str(row.id),
        "component": str(tried.component),
        "scopes": list(row.scopes),
        "agent": tried.agent,
        "for_s": connection_rules.of(tried.account.connection).allow_for_s,
    }


def _tell(tried: Tried, code: str, what: str) -> None:
    by = f"{tried.component.name} ({tried.agent})" if tried.agent else tried.component.name
    asked = code == "scope_asked"  # who is asked gets the letter of that request
    notices_on_owner_pages.tell(
        [tried.account], code, safe_display.short(by), safe_display.visible(what), letter=not asked
    )


def _pending(tried: Tried, approval: Approval) -> TokenRefusal:
    asked = approval.current
    who = f"{asked.person} is asked" if asked else "Someone is asked as soon as anyone can be"
    return TokenRefusal(
        403,
        "scope_escalation_pending",
        f"{_what(tried)} {who}; ask again once the approval {approval.id} is approved.",
        approval=str(approval.id),
    )


def _not_declared(tried: Tried, why: str) -> TokenRefusal:
    return TokenRefusal(
        403,
        "scope_not_declared",
        f"{_what(tried)} {why}".strip(),
    )


def _too_many(tried: Tried, limit: TooManyAsks) -> TokenRefusal:
    return TokenRefusal(
        429,
        "asked_too_often",
        f"{_what(tried)} The portal asks people about a component "
        f"{attempt_limits.ASKS_PER_HOUR} times an hour at most, and about all components of one "
        f"person {attempt_limits.ASKS_PER_PERSON} times, so no one is asked now.",
        retry_after_s=float(limit.retry_after_s),
    )


def _what(tried: Tried) -> str:
    return (
        f"{tried.component} asked {tried.title} for {', '.join(tried.scopes)}, which its manifest "
        "does not declare."
    )
