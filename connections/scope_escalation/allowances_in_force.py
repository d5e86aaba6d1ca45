"""What people allowed beyond a manifest: for one component, on one account, until a time."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db.models import QuerySet

from approvals import clock
from approvals.models import Person
from audit.recording.actors import Actor
from connections import account_names, permissions
from connections.broker.component_checks import Component
from connections.models import Allowance, ConnectedAccount
from connections.scopes import catalogue


def in_force(account: ConnectedAccount, at: datetime | None = None) -> QuerySet[Allowance]:
    """The allowances of an account that hold now, newest first."""
    now = at or clock.now()
    return Allowance.objects.filter(account=account, ended_at=None, expires_at__gt=now)


def scopes_of(account: ConnectedAccount, component: Component) -> frozenset[str]:
    """Scopes that a component may use of an account now, beyond its manifest."""
    found = in_force(account).filter(kind=component.kind, name=component.name)
    return frozenset(scope for one in found for scope in one.scopes)


def by_id(allowance: str) -> Allowance | None:
    """The allowance of a public id, whatever text was given."""
    found = Allowance.objects.select_related("account")
    return found.filter(pk=permissions.id_of(allowance)).first()


SEES_ALL: Final = frozenset({"operator", "admin", "auditor"})
"""Who watches over what goes beyond manifests; others see what is on their own accounts."""
MAY_END: Final = frozenset({"operator", "admin"})


def visible(viewer: Actor) -> QuerySet[Allowance]:
    """The allowances that hold now and that this person may see."""
    found = Allowance.objects.filter(ended_at=None, expires_at__gt=clock.now())
    if viewer.roles & SEES_ALL:
        return found
    return found.filter(account__iss=viewer.iss, account__sub=viewer.sub)


def sees(viewer: Actor, one: Allowance) -> bool:
    """Whether this person may see an allowance, also one that is over."""
    return bool(viewer.roles & SEES_ALL) or permissions.is_owner(viewer, one.account)


def page(viewer: Actor, after: UUID | None, limit: int) -> dict[str, Any]:
    """One page, the newest first; `next` is None on the last."""
    found = visible(viewer).select_related("account").order_by("-pk")
    if after is not None:
        found = found.filter(pk__lt=after)
    rows = list(found[: limit + 1])
    return {
        "items": _with_accounts(viewer, rows[:limit]),
        "next": str(rows[limit - 1].pk) if len(rows) > limit else None,
    }


def as_json(one: Allowance) -> dict[str, Any]:
    """Plain JSON of one, without its account."""
    return {
        "id": str(one.id),
        "component": f"{one.kind}:{one.name}",
        "scopes": one.scopes,
        "agent": one.agent or None,
        "granted_at": clock.stamp(one.granted_at),
        "expires_at": clock.stamp(one.expires_at),
        "approval_id": one.approval or None,
    }


def _with_accounts(viewer: Actor, rows: list[Allowance]) -> list[dict[str, Any]]:
    subs = {row.account.sub for row in rows}
    people = {(p.iss, p.sub): p for p in Person.objects.filter(sub__in=subs)}
    return [_one(viewer, row, people.get((row.account.iss, row.account.sub))) for row in rows]


def _one(viewer: Actor, row: Allowance, owner: Person | None) -> dict[str, Any]:
    account = row.account
    return as_json(row) | {
        "connection_id": str(account.id),
        "connection": account.connection,
        "title": catalogue.title(account.connection),
        "account": account.named or None,
        "owner": account_names.owner_of(account, owner),
        "may_end": permissions.is_owner(viewer, account) or bool(viewer.roles & MAY_END),
    }
