"""A connected account arrives: Auth0's answer, sealed by the flow, becomes a row and an event.

The decision `connection.connect` names only the sealed answer, so that its row can come from Auth0
and from nowhere else, whichever endpoint the decision is requested at.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta

from approvals import clock
from approvals.errors import Refused
from approvals.registry import CommitContext, Committed
from approvals.step_up import sealed_secrets
from audit.recording.actors import Actor, Target
from auth0_client.my_account import ConnectedAccount as Completed
from connections import account_names
from connections.consent import prompts_for_missing_connections
from connections.lifecycle import restriction_stack
from connections.models import ConnectedAccount, State
from connections.revocation import deletion_step

_BOX = "connect-answer"
_KEPT_FOR = timedelta(minutes=2)


@dataclass(frozen=True, slots=True)
class Arrived:
    """What Auth0 returned when the flow was completed, and what the owner calls it."""

    iss: str
    sub: str
    auth0_id: str
    connection: str
    scopes: tuple[str, ...]
    connected_at: str
    expires_at: str
    label: str


def seal(actor: Actor, account_id: str, completed: Completed, label: str) -> None:
    """Keep Auth0's answer for the decision that follows at once."""
    value = {
        "iss": actor.iss,
        "sub": actor.sub,
        "auth0_id": completed.id,
        "connection": completed.connection,
        "scopes": list(completed.scopes),
        "connected_at": completed.created_at.isoformat() if completed.created_at else "",
        "expires_at": completed.expires_at.isoformat() if completed.expires_at else "",
        "label": label,
    }
    sealed_secrets.keep(_BOX, account_id, json.dumps(value), expires=clock.now() + _KEPT_FOR)


def _open(account_id: str) -> Arrived | None:
    try:
        found = json.loads(sealed_secrets.read(_BOX, account_id))
    except sealed_secrets.SecretGone:
        return None
    return Arrived(**{**found, "scopes": tuple(found["scopes"])})


def belongs_to(actor: Actor, target: Target) -> bool:
    """Only the person who completed the flow may record its account."""
    arrived = _open(target.name)
    return arrived is not None and (arrived.iss, arrived.sub) == (actor.iss, actor.sub)


def commit(ctx: CommitContext) -> Committed:
    """Write the row; close what asked for it."""
    arrived = _open(ctx.target.name)
    if arrived is None or ctx.params.get("flow") != ctx.target.name:
        raise Refused("unknown_flow", "This connection was not completed here.")
    sealed_secrets.drop(_BOX, ctx.target.name)
    now = clock.now()
    account = _written(ctx.target.name, arrived, now)
    prompts_for_missing_connections.met(arrived.iss, arrived.sub, arrived.connection, now)
    return Committed(
        data={**account_names.facts_of(account), **account_names.grant_of(account)},
        private=account_names.private_of(account),
    )


def _written(pk: str, arrived: Arrived, now: datetime) -> ConnectedAccount:
    """The row of what arrived, under whatever others restricted on the person's connection."""
    whose = {"iss": arrived.iss, "sub": arrived.sub, "connection": arrived.connection}
    rows = ConnectedAccount.objects.filter(**whose).select_for_update().order_by("pk")
    account = next((row for row in rows if row.auth0_id == arrived.auth0_id), None)
    barriers = restriction_stack.of_others(account) if account else []
    barriers += restriction_stack.barring(**whose)
    if account is None:
        account = ConnectedAccount(
            id=pk, auth0_id=arrived.auth0_id, watched_since=now, state_since=now, **whose
        )
    _take(account, arrived, now)
    if account.state == State.REVOCATION_PENDING and account.state_by != account.sub:
        account.save(update_fields=_FIELDS)  # what somebody else revoked goes on being revoked
        return account
    deletion_step.forget(account)
    account.turn(State.CONNECTED, now, by=arrived.sub)
    account.earlier, account.held_by, account.restriction = [], "", ""
    account.operation = ""
    account.delete_after, account.sleep_recorded_at = None, None
    restriction_stack.arrive(account, barriers)
    return _kept(account)


def _take(account: ConnectedAccount, arrived: Arrived, now: datetime) -> None:
    account.label, account.scopes = arrived.label, list(arrived.scopes)
    account.connected_at = _moment(arrived.connected_at)
    account.expires_at = _moment(arrived.expires_at)
    account.source, account.seen_at = "my_account", now


_FIELDS = ("label", "scopes", "grant", "connected_at", "expires_at", "source", "seen_at")


def _kept(account: ConnectedAccount) -> ConnectedAccount:
    account.barred = bool(restriction_stack.of_others(account))
    if account._state.adding:
        account.save(force_insert=True)
    else:
        account.save(update_fields=[*_FIELDS, *restriction_stack.COLUMNS])
    return account


def _moment(text: str) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
