"""Accounts as the API answers them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from approvals import clock
from approvals.models import Person
from connections import grounds, scopes, standing
from connections.models import ConnectedAccount
from connections.standing import Standing


def as_json(accounts: Iterable[ConnectedAccount]) -> list[dict[str, Any]]:
    """Plain JSON of accounts with their owners, four queries for any number."""
    rows = list(accounts)
    ground, now = grounds.now(), clock.now()
    subs = {row.sub for row in rows}
    people = {(p.iss, p.sub): p for p in Person.objects.filter(sub__in=subs)}
    return [
        _one(row, people.get((row.iss, row.sub)), standing.of(row, ground, now)) for row in rows
    ]


def _one(row: ConnectedAccount, owner: Person | None, stands: Standing) -> dict[str, Any]:
    return {
        "id": str(row.id),
        "connection": row.connection,
        "title": scopes.title(row.connection),
        "account": row.named or None,
        "owner": {
            "iss": row.iss,
            "sub": row.sub,
            "name": owner.name if owner else "",
            "email": owner.email if owner else "",
        },
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


def _stamp(moment: datetime | None) -> str | None:
    return clock.stamp(moment) if moment else None
