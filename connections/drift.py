"""Differences between the inventory and Auth0, each an event (`connection.reconciled`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from approvals import clock
from audit.actor import SYSTEM, Target
from audit.record import record
from connections import deletion, names
from connections.models import ConnectedAccount, State


@dataclass(frozen=True, slots=True)
class Fact:
    """One account as Auth0 tells it."""

    auth0_id: str
    connection: str
    scopes: tuple[str, ...]
    connected_at: datetime | None
    expires_at: datetime | None


def appeared(iss: str, sub: str, fact: Fact, source: str) -> ConnectedAccount:
    """An account that we did not know: connected elsewhere, or before we were here."""
    now = clock.now()
    with transaction.atomic():
        row = ConnectedAccount.objects.create(
            iss=iss,
            sub=sub,
            connection=fact.connection,
            auth0_id=fact.auth0_id,
            scopes=list(fact.scopes),
            connected_at=fact.connected_at,
            expires_at=fact.expires_at,
            state=State.CONNECTED,
            state_since=now,
            source=source,
            seen_at=now,
            watched_since=now,
        )
        _record(row, {"drift": "appeared"})
    return row


def still_there(row: ConnectedAccount, fact: Fact, as_of: datetime) -> bool:
    """Bring a known account to what Auth0 said at `as_of`; True when it had changed."""
    if row.state_since >= as_of:  # we changed it while Auth0 was answering: its answer is older
        return False
    now = clock.now()
    before = list(row.scopes)
    row.seen_at = now
    row.connected_at = fact.connected_at
    renewed = _moved(row.expires_at, fact.expires_at)
    if renewed:
        row.expires_at = fact.expires_at
    row.scopes = list(fact.scopes)
    drifted = set(before) != set(fact.scopes)
    back = row.state == State.REVOKED
    expired = False
    if back:  # the same account id again: the vault kept it after all
        row.turn(State.SUSPENDED, now, reason="Auth0 still holds it after its revocation")
    elif row.state == State.CONNECTED and row.expires_at is not None and row.expires_at <= now:
        row.turn(State.NEEDS_RECONNECT, now, reason="the provider's grant has expired")
        expired = True
    with transaction.atomic():
        row.save()
        if drifted:
            _record(
                row,
                {"drift": "scopes_changed", "before": before},
                changes={"scopes": {"before": before, "after": list(fact.scopes)}},
            )
        elif renewed:
            _record(row, {"drift": "expiry_changed"})
        if back:
            _record(row, {"drift": "came_back"})
        if expired:
            _record(row, {"drift": "expired"})
    return drifted or renewed or back or expired


_SAME_END = timedelta(hours=1)


def _moved(before: datetime | None, told: datetime | None) -> bool:
    """Whether a grant ends at another time; providers that count from the last use tell a little
    later one at each look, and that is no news."""
    if before is None or told is None:
        return before != told
    return abs(told - before) >= _SAME_END


def vanished(account: ConnectedAccount, how: str) -> bool:
    """Auth0 no longer holds an account; False when we had it as revoked already."""
    with transaction.atomic():
        row = ConnectedAccount.objects.select_for_update().get(pk=account.pk)
        if row.state == State.REVOKED:
            return False
        before = row.state
        row.turn(State.REVOKED, clock.now(), reason=f"gone at Auth0: {how}")
        row.save()
        deletion.hint(row)
        _record(row, {"drift": "vanished", "how": how, "before": before})
    return True


def _record(
    row: ConnectedAccount, data: Mapping[str, Any], *, changes: Mapping[str, Any] | None = None
) -> None:
    record(
        SYSTEM,
        "connection.reconciled",
        target=Target("connection", str(row.id)),
        connection=row.connection,
        on_behalf_of=names.owner(row),
        data={**names.facts_of(row), **names.grant_of(row), **data},
        changes=changes,
        private=names.private_of(row),
    )
