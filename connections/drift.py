"""Differences between the inventory and Auth0, each an event (`connection.reconciled`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction

from approvals import clock
from audit.actor import SYSTEM, Target
from audit.record import record
from connections import deletion, names, restrictions, runs
from connections.models import ConnectedAccount, State


@dataclass(frozen=True, slots=True)
class Fact:
    """One account as Auth0 tells it."""

    auth0_id: str
    connection: str
    scopes: tuple[str, ...]
    connected_at: datetime | None
    expires_at: datetime | None


def appeared(
    iss: str, sub: str, fact: Fact, source: str, run: UUID | None = None
) -> ConnectedAccount:
    """An account that we did not know: connected elsewhere, or before we were here.

    `run` is the comparison that found it, here and below; its count moves with the event.
    """
    now = clock.now()
    with transaction.atomic():
        row = ConnectedAccount(
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
        restrictions.arrive(row, restrictions.barring(iss, sub, fact.connection))
        row.barred = bool(restrictions.of_others(row))
        row.save(force_insert=True)
        _record(row, {"drift": "appeared"}, run)
    return row


def unchanged(row: ConnectedAccount, fact: Fact) -> bool:
    """Whether Auth0 tells nothing new about an account that we hold as connected."""
    return (
        set(row.scopes) == set(fact.scopes)
        and row.connected_at == fact.connected_at
        and not _moved(row.expires_at, fact.expires_at)
        and row.state != State.REVOKED
        and (row.expires_at is None or row.expires_at > clock.now())
    )


def still_there(
    row: ConnectedAccount, fact: Fact, as_of: datetime, run: UUID | None = None
) -> bool:
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
                run,
                changes={"scopes": {"before": before, "after": list(fact.scopes)}},
            )
        elif renewed:
            _record(row, {"drift": "expiry_changed"}, run)
        if back:
            _record(row, {"drift": "came_back"}, run)
        if expired:
            _record(row, {"drift": "expired"}, run)
    return drifted or renewed or back or expired


_SAME_END = timedelta(hours=1)


def _moved(before: datetime | None, told: datetime | None) -> bool:
    """Whether a grant ends at another time; providers that count from the last use tell a little
    later one at each look, and that is no news."""
    if before is None or told is None:
        return before != told
    return abs(told - before) >= _SAME_END


def vanished(account: ConnectedAccount, how: str, run: UUID | None = None) -> bool:
    """Auth0 no longer holds an account; False when we had it as revoked already."""
    with transaction.atomic():
        row = ConnectedAccount.objects.select_for_update().get(pk=account.pk)
        if row.state == State.REVOKED:
            return False
        before = row.state
        row.turn(State.REVOKED, clock.now(), reason=f"gone at Auth0: {how}")
        row.save()
        deletion.hint(row)
        _record(row, {"drift": "vanished", "how": how, "before": before}, run)
    return True


def _record(
    row: ConnectedAccount,
    data: Mapping[str, Any],
    run: UUID | None,
    *,
    changes: Mapping[str, Any] | None = None,
) -> None:
    if run is not None:
        runs.count(run, str(data["drift"]))
    record(
        SYSTEM,
        "connection.reconciled",
        target=Target("connection", str(row.id)),
        connection=row.connection,
        on_behalf_of=names.owner(row),
        operation=str(run or ""),
        data={**names.facts_of(row), **names.grant_of(row), **data},
        changes=changes,
        private=names.private_of(row),
    )
