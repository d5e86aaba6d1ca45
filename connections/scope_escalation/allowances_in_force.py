"""What people allowed beyond a manifest: for one component, on one account, until a time."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db.models import QuerySet

from approvals import clock
from connections.broker.component_checks import Component
from connections.models import Allowance, ConnectedAccount


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
    try:
        return Allowance.objects.select_related("account").filter(pk=UUID(str(allowance))).first()
    except ValueError:
        return None
