"""Accounts as the API answers them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Q

from approvals import clock
from approvals.models import Person
from audit.recording.actors import Actor
from connections import account_names, inventory, permissions
from connections.auth_ibom.changes_between import Change
from connections.auth_ibom.fact_collection import Between
from connections.auth_ibom.inventory_records import ERASED
from connections.inventory import Query
from connections.models import Allowance, ConnectedAccount
from connections.scope_escalation import allowances_in_force as allowed
from connections.scopes import catalogue
from connections.status import account_status, state_filters
from connections.status.account_status import Standing


def as_json(accounts: Iterable[ConnectedAccount]) -> list[dict[str, Any]]:
    """Plain JSON of accounts with their owners, five queries for any number."""
    rows = list(accounts)
    ground, now = state_filters.now(), clock.now()
    subs = {row.sub for row in rows}
    people = {(p.iss, p.sub): p for p in Person.objects.filter(sub__in=subs)}
    beyond = _beyond(rows, now)
    return [
        _one(row, people.get((row.iss, row.sub)), account_status.of(row, ground, now))
        | {"allowances": beyond.get(row.pk, [])}
        for row in rows
    ]


def _beyond(rows: list[ConnectedAccount], now: datetime) -> dict[UUID, list[dict[str, Any]]]:
    """What people allowed beyond manifests and still holds, by account."""
    found: dict[UUID, list[dict[str, Any]]] = {}
    held = Allowance.objects.filter(account__in=rows, ended_at=None, expires_at__gt=now)
    for one in held:
        found.setdefault(one.account_id, []).append(allowed.as_json(one))
    return found


def page(actor: Actor, query: Query, after: UUID | None, limit: int) -> dict[str, Any]:
    """One page of what this person may see under a query, newest known first.

    `next` is None on the last page; `total` is of all pages.
    """
    sees_all = bool(actor.roles & permissions.SEES_ALL)
    within = None if sees_all else Q(iss=actor.iss, sub=actor.sub)
    asked = inventory.ask(actor, query, clock.now(), within=within)
    found = ConnectedAccount.objects.filter(asked.conditions.all()).order_by("-pk")
    if after is not None:
        found = found.filter(pk__lt=after)
    rows = list(found[: limit + 1])
    return {
        "items": as_json(rows[:limit]),
        "next": str(rows[limit - 1].pk) if len(rows) > limit else None,
        "total": asked.tally.total(),
    }


def _one(row: ConnectedAccount, owner: Person | None, stands: Standing) -> dict[str, Any]:
    return {
        "id": str(row.id),
        "connection": row.connection,
        "title": catalogue.title(row.connection),
        "account": row.named or None,
        "owner": account_names.owner_of(row, owner),
        "state": str(stands.code),
        "state_since": _stamp(stands.since),
        "state_reason": stands.reason or None,
        "opens_at": _stamp(stands.opens),
        "scopes": row.scopes,
        "connected_at": _stamp(row.connected_at),
        "expires_at": _stamp(row.expires_at),
        "last_used_at": _stamp(row.last_used_at),
        "last_agent": row.last_agent or None,
        "last_skill": row.last_skill or None,
        "last_token_expires_at": _stamp(row.last_token_expires_at),
        "watched_since": clock.stamp(row.watched_since),
        "source": row.source,
        "seen_at": clock.stamp(row.seen_at),
    }


def difference(found: Between) -> dict[str, Any]:
    """Plain JSON of what changed; an owner who was erased is `{"erased": true}`."""
    return {
        "from": {"size": found.first, "time": _stamp(found.began)},
        "to": {"size": found.size, "time": _stamp(found.ended)},
        "items": [_change(change) for change in found.changes],
    }


def _change(change: Change) -> dict[str, Any]:
    account, access = change.account, change.access
    owner = None
    if whose := account or access:
        plain = {"iss": whose.iss, "sub": whose.sub, "email": whose.email}
        owner = {"erased": True} if whose.sub == ERASED else plain
    return {
        "what": change.what,
        "name": change.name,
        "connection": account.connection if account else None,
        "application": access.client_id if access else None,
        "audiences": list(access.audiences) if access else None,
        "owner": owner,
        "before": change.before,
        "after": change.after,
        "gained": list(change.gained),
        "lost": list(change.lost),
        "event_id": change.event or None,
        "index": change.index,
    }


def _stamp(moment: datetime | None) -> str | None:
    return clock.stamp(moment) if moment else None
