"""What pages and the API tell of escalations: what waits, what is allowed, what was tried."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from approvals import clock
from approvals.models import Approval, Outcome, Person, Status
from approvals.policy.sentences import duration
from audit.recording.actors import Actor
from connections import account_names, permissions
from connections.models import Allowance, ConnectedAccount, Escalation
from connections.scope_escalation import allowance_json, allowances_in_force
from connections.scopes import catalogue
from connections.scopes.catalogue import Scope

LOOKED_BACK = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Allowed:
    """One allowance in force."""

    row: Allowance
    scopes: tuple[Scope, ...]
    whose: str
    title: str
    can_withdraw: bool


@dataclass(frozen=True, slots=True)
class Tried:
    """One thing that was tried beyond a manifest. `state` is a state of the style guide."""

    row: Escalation
    scopes: tuple[Scope, ...]
    whose: str
    title: str
    state: str
    words: str
    approval: str  # id; empty where nobody was asked


@dataclass(frozen=True, slots=True)
class Asked:
    """What an approval of an escalation is about, for its approver.

    Attributes:
        missing: scopes of these that the account's own grant does not hold, so that the provider
            gives nothing more until its owner connects it again.
    """

    component: str
    agent: str
    account: ConnectedAccount
    whose: str
    title: str
    scopes: tuple[Scope, ...]
    missing: tuple[str, ...]
    lasts: str  # such as `1 hour`
    attempts: int


def allowed_on(account: ConnectedAccount, viewer: Actor) -> list[Allowed]:
    """Allowances of an account that hold now."""
    whose = account_names.owner_name(account)
    return [_allowed(row, viewer, whose) for row in allowances_in_force.in_force(account)]


def all_allowed(viewer: Actor) -> list[Allowed]:
    """Every allowance that holds now, of everybody."""
    found = Allowance.objects.filter(ended_at=None, expires_at__gt=clock.now())
    rows = list(found.select_related("account")[:200])
    owners = _owners(row.account for row in rows)
    return [_allowed(row, viewer, owners[row.account.iss, row.account.sub]) for row in rows]


def tried_on(account: ConnectedAccount) -> list[Tried]:
    """What was tried on an account within thirty days, newest first."""
    since = clock.now() - LOOKED_BACK
    found = Escalation.objects.filter(account=account, last_at__gt=since)
    return _tried(found.select_related("account")[:20])


def all_tried(since: datetime | None = None, newest: int = 100) -> list[Tried]:
    """What was tried on any account, newest first."""
    found = Escalation.objects.filter(last_at__gt=since or clock.now() - LOOKED_BACK)
    return _tried(found.select_related("account")[:newest])


def asked(approval: Approval) -> Asked | None:
    """What an approval of an escalation is about; None for any other, or when it is gone."""
    account = permissions.by_id(approval.target_name) if approval.verb == "scope.grant" else None
    if account is None:
        return None
    params = approval.params
    wanted = [str(scope) for scope in params.get("scopes", ())]
    row = Escalation.objects.filter(pk=str(params["escalation"])).first()
    return Asked(
        component=str(params.get("component", "")),
        agent=str(params.get("agent", "")),
        account=account,
        whose=account_names.owner_name(account),
        title=account_names.in_words(account),
        scopes=tuple(catalogue.in_words(account.connection, wanted)),
        missing=tuple(s for s in wanted if account.scopes and s not in account.scopes),
        lasts=duration(int(params.get("for_s", 0))),
        attempts=row.attempts if row else 0,
    )


def _owners(accounts: Iterable[ConnectedAccount]) -> dict[tuple[str, str], str]:
    """What the owners are called, from one read of the directory."""
    named = {(a.iss, a.sub): a.sub for a in accounts}
    for person in Person.objects.filter(sub__in={sub for _, sub in named}):
        if (person.iss, person.sub) in named:
            named[person.iss, person.sub] = person.name or person.email or person.sub
    return named


def _allowed(row: Allowance, viewer: Actor, whose: str) -> Allowed:
    own = permissions.is_owner(viewer, row.account)
    return Allowed(
        row=row,
        scopes=tuple(catalogue.in_words(row.account.connection, row.scopes)),
        whose=whose,
        title=account_names.in_words(row.account),
        can_withdraw=own or bool(viewer.roles & allowance_json.MAY_END),
    )


def _tried(rows: Iterable[Escalation]) -> list[Tried]:
    found = list(rows)
    about = {row.approval for row in found if row.approval}
    known = {str(one.pk): one for one in Approval.objects.filter(pk__in=about)}
    owners = _owners(row.account for row in found)
    return [
        _attempt(row, known.get(row.approval), owners[row.account.iss, row.account.sub])
        for row in found
    ]


def _attempt(row: Escalation, approval: Approval | None, whose: str) -> Tried:
    state, words = _state(approval)
    return Tried(
        row=row,
        scopes=tuple(catalogue.in_words(row.account.connection, row.scopes)),
        whose=whose,
        title=account_names.in_words(row.account),
        state=state,
        words=words,
        approval=str(approval.pk) if approval else "",
    )


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
