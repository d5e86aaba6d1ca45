"""What pages and the API tell of escalations: what waits, what is allowed, what was tried."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from approvals import clock
from approvals.models import Approval, Outcome, Status
from approvals.policy.sentences import duration, named
from audit.recording.actors import Actor
from connections import account_names, permissions
from connections.models import Allowance, ConnectedAccount, Escalation
from connections.scope_escalation import allowances_in_force
from connections.scopes import catalogue, permissions_in_third_person
from connections.scopes.catalogue import Scope

LOOKED_BACK = timedelta(days=30)
MOST = 100
"""Requests that a list of everybody's shows at once."""


def allowed_on(account: ConnectedAccount, viewer: Actor) -> list[dict[str, Any]]:
    """Allowances of an account that hold now."""
    whose = account_names.owner_name(account)
    return [_allowed(row, viewer, whose) for row in allowances_in_force.in_force(account)]


def all_allowed(viewer: Actor) -> list[dict[str, Any]]:
    """Every allowance that holds now, of everybody."""
    found = Allowance.objects.filter(ended_at=None, expires_at__gt=clock.now())
    rows = list(found.select_related("account")[:200])
    owners = account_names.people_names(row.account.sub for row in rows)
    return [_allowed(row, viewer, _owner(row.account, owners)) for row in rows]


def tried_on(account: ConnectedAccount, viewer: Actor) -> list[dict[str, Any]]:
    """What was tried on an account within thirty days, newest first."""
    since = clock.now() - LOOKED_BACK
    found = Escalation.objects.filter(account=account, last_at__gt=since)
    return _tried(found.select_related("account")[:20], viewer)


def all_tried(
    viewer: Actor, since: datetime | None = None, newest: int = MOST
) -> list[dict[str, Any]]:
    """What was tried on any account, newest first."""
    found = Escalation.objects.filter(last_at__gt=since or clock.now() - LOOKED_BACK)
    return _tried(found.select_related("account")[:newest], viewer)


def asked(approval: Approval, viewer: Actor) -> dict[str, Any] | None:
    """What an approval of an escalation is about; None for any other, or when it is gone.

    `missing` are scopes of these that the account's own grant does not hold, so that the provider
    gives nothing more until its owner connects it again.
    """
    account = permissions.by_id(approval.target_name) if approval.verb == "scope.grant" else None
    if account is None:
        return None
    params = approval.params
    wanted = [str(scope) for scope in params.get("scopes", ())]
    row = Escalation.objects.filter(pk=str(params["escalation"])).first()
    return {
        "component": _component(str(params.get("component", ""))),
        "agent": str(params.get("agent", "")),
        "account": account,
        "whose": account_names.owner_name(account),
        "title": account_names.in_words(account),
        "scopes": _scopes(account, wanted, viewer, account_names.owner_name(account)),
        "missing": tuple(s for s in wanted if account.scopes and s not in account.scopes),
        "lasts": duration(int(params.get("for_s", 0))),
        "attempts": row.attempts if row else 0,
    }


def _component(said: str) -> str:
    kind, _, name = said.partition(":")
    return named(kind, name) if name else said


def _scopes(
    account: ConnectedAccount, names: Iterable[str], viewer: Actor, whose: str
) -> tuple[Scope, ...]:
    """Permissions in words: to the owner, or about them."""
    found = catalogue.in_words(account.connection, names)
    own = permissions.is_owner(viewer, account)
    return tuple(found if own else permissions_in_third_person.for_others(found, whose))


def _owner(account: ConnectedAccount, people: Mapping[tuple[str, str], str]) -> str:
    return people.get((account.iss, account.sub), account.sub)


def _allowed(row: Allowance, viewer: Actor, whose: str) -> dict[str, Any]:
    own = permissions.is_owner(viewer, row.account)
    return {
        "row": row,
        "scopes": _scopes(row.account, row.scopes, viewer, whose),
        "whose": whose,
        "title": account_names.in_words(row.account),
        "can_withdraw": own or bool(viewer.roles & allowances_in_force.MAY_END),
    }


def _tried(rows: Iterable[Escalation], viewer: Actor) -> list[dict[str, Any]]:
    found = list(rows)
    about = {row.approval for row in found if row.approval}
    known = {str(one.pk): one for one in Approval.objects.filter(pk__in=about)}
    owners = account_names.people_names(row.account.sub for row in found)
    return [
        _attempt(row, known.get(row.approval), _owner(row.account, owners), viewer) for row in found
    ]


def _attempt(
    row: Escalation, approval: Approval | None, whose: str, viewer: Actor
) -> dict[str, Any]:
    state, words = _state(approval)
    return {
        "row": row,
        "scopes": _scopes(row.account, row.scopes, viewer, whose),
        "whose": whose,
        "title": account_names.in_words(row.account),
        "state": state,
        "words": words,
        "approval": str(approval.pk) if approval else "",
    }


_ENDED = {
    Outcome.APPROVED: ("approved", "allowed"),
    Outcome.DENIED: ("denied", "denied"),
    Outcome.EXPIRED: ("expired", "no answer"),
    Outcome.FAILED: ("failed", "failed"),
    Outcome.CANCELLED: ("cancelled", "withdrawn"),
}


def _state(approval: Approval | None) -> tuple[str, str]:
    if approval is None:
        return "refused", "refused"
    if approval.status != Status.CLOSED:
        return "pending", "waiting"
    return _ENDED[Outcome(approval.outcome)]
