"""Differences between the inventory and Auth0, each an event (`connection.reconciled`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import transaction

from approvals import clock
from approvals.pipeline import overtaken_requests
from audit.recording.actors import SYSTEM, Target
from audit.recording.record import record
from connections import account_names
from connections.lifecycle import restriction_stack
from connections.models import NOT_HELD, ConnectedAccount, State
from connections.revocation import deletion_step
from connections.sync import run_progress


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
        restriction_stack.arrive(row, restriction_stack.barring(iss, sub, fact.connection))
        row.barred = bool(restriction_stack.of_others(row))
        row.save(force_insert=True)
        _record(row, {"drift": "appeared"}, run)
    return row


def unchanged(row: ConnectedAccount, fact: Fact) -> bool:
    """Whether Auth0 tells nothing new about an account that we hold as connected."""
    return (
        set(row.scopes) == set(fact.scopes)
        and row.connected_at == fact.connected_at
        and not _moved(row.expires_at, fact.expires_at)
        and row.state not in NOT_HELD
        and (row.expires_at is None or row.expires_at > clock.now())
    )


_FIELDS = ("scopes", "grant", "connected_at", "expires_at", "seen_at")
"""What Auth0 reports of an account; a comparison writes nothing else but its own decisions."""


def still_there(
    row: ConnectedAccount, fact: Fact, as_of: datetime, run: UUID | None = None
) -> bool:
    """Bring a known account to what Auth0 said at `as_of`; True when it had changed.

    `row` may be stale: what was decided since it was read stays.
    """
    with transaction.atomic():
        held = ConnectedAccount.objects.select_for_update().get(pk=row.pk)
        if max(held.state_since, held.seen_at) >= as_of:  # its answer is older than ours
            return False
        before, renewed = list(held.scopes), _moved(held.expires_at, fact.expires_at)
        held.seen_at, held.connected_at = clock.now(), fact.connected_at
        held.scopes = list(fact.scopes)
        if renewed:
            held.expires_at = fact.expires_at
        held.save(update_fields=_FIELDS)
        turned = _came_back(held) or _expired(held)
        if turned:
            restriction_stack.keep(held)
        changes = {"scopes": {"before": before, "after": list(fact.scopes)}}
        if drifted := set(before) != set(fact.scopes):
            _record(held, {"drift": "scopes_changed", "before": before}, run, changes=changes)
        elif renewed:
            _record(held, {"drift": "expiry_changed"}, run)
        if turned:
            _record(held, {"drift": turned}, run)
    return drifted or renewed or bool(turned)


def _came_back(held: ConnectedAccount) -> str:
    """Auth0 lists the same account id again. Where nobody revoked it, it is as it was before; where
    somebody did, only they or an approval resume it."""
    if held.state not in NOT_HELD:
        return ""
    if held.state == State.GONE or not (held.operation or held.state_by or held.earlier):
        restriction_stack.lift(held)
    else:
        why = "Auth0 still holds it after its revocation"
        restriction_stack.replace(held, State.SUSPENDED, reason=why, by=held.state_by)
    return "came_back"


def _expired(held: ConnectedAccount) -> str:
    now = clock.now()
    if held.state != State.CONNECTED or held.expires_at is None or held.expires_at > now:
        return ""
    held.turn(State.NEEDS_RECONNECT, now, reason="the provider's grant has expired")
    return "expired"


_SAME_END = timedelta(hours=1)


def _moved(before: datetime | None, reported: datetime | None) -> bool:
    """Whether a grant ends at another time; providers that count from the last use tell a little
    later one at each look, and that is no news."""
    if before is None or reported is None:
        return before != reported
    return abs(reported - before) >= _SAME_END


def vanished(account: ConnectedAccount, how: str, run: UUID | None = None) -> bool:
    """Auth0 no longer holds an account; False where we know that, or it was connected again since
    `account` was read. One that somebody revoked is revoked for good; any other is gone."""
    with transaction.atomic():
        row = ConnectedAccount.objects.select_for_update().get(pk=account.pk)
        if row.state in NOT_HELD or row.seen_at > account.seen_at:
            return False
        before = row.state
        if before == State.REVOCATION_PENDING:
            row.turn(State.REVOKED, clock.now(), reason=row.state_reason, by=row.state_by)
        else:
            restriction_stack.lay(row, State.GONE, reason=f"gone at Auth0: {how}")
        restriction_stack.keep(row)
        deletion_step.hint(row)
        _record(row, {"drift": "vanished", "how": how, "before": before}, run)
        overtaken_requests.close(Target("connection", str(row.pk)), because=_GONE)
    return True


_GONE: Final = (
    "target_gone",
    "Auth0 no longer holds this account, so there is nothing to approve. Ask again once it is "
    "connected.",
)
"""Why a request about an account ended, where a sync found it gone."""


def _record(
    row: ConnectedAccount,
    data: Mapping[str, Any],
    run: UUID | None,
    *,
    changes: Mapping[str, Any] | None = None,
) -> None:
    if run is not None:
        run_progress.count(run, str(data["drift"]))
    record(
        SYSTEM,
        "connection.reconciled",
        target=Target("connection", str(row.id)),
        connection=row.connection,
        on_behalf_of=account_names.owner(row),
        operation=str(run or ""),
        data={**account_names.facts_of(row), **account_names.grant_of(row), **data},
        changes=changes,
        private=account_names.private_of(row),
    )
