"""A connected account arrives: Auth0's answer, sealed by the flow, becomes a row and an event.

The decision `connection.connect` names only the sealed answer, so that its row can come from Auth0
and from nowhere else, whichever door the decision is asked through.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from approvals import clock, secret_box
from approvals.perform import Refused
from approvals.registry import CommitContext, Committed
from audit.actor import Actor, Target
from auth0_client.my_account import ConnectedAccount as Told
from connections import names, needs
from connections.models import ConnectedAccount, State

_BOX = "connect-answer"
_KEPT_FOR = timedelta(minutes=2)


@dataclass(frozen=True, slots=True)
class Arrived:
    """What Auth0 told when the flow was completed, and what the owner calls it."""

    iss: str
    sub: str
    auth0_id: str
    connection: str
    scopes: tuple[str, ...]
    connected_at: str
    expires_at: str
    label: str


def seal(actor: Actor, account_id: str, told: Told, label: str) -> None:
    """Keep Auth0's answer for the decision that follows at once."""
    value = {
        "iss": actor.iss,
        "sub": actor.sub,
        "auth0_id": told.id,
        "connection": told.connection,
        "scopes": list(told.scopes),
        "connected_at": told.created_at.isoformat() if told.created_at else "",
        "expires_at": told.expires_at.isoformat() if told.expires_at else "",
        "label": label,
    }
    secret_box.keep(_BOX, account_id, json.dumps(value), expires=clock.now() + _KEPT_FOR)


def _open(account_id: str) -> Arrived | None:
    try:
        found = json.loads(secret_box.read(_BOX, account_id))
    except secret_box.SecretGone:
        return None
    return Arrived(**{**found, "scopes": tuple(found["scopes"])})


def belongs_to(actor: Actor, target: Target) -> bool:
    """Only whoever completed the flow may record its account."""
    arrived = _open(target.name)
    return arrived is not None and (arrived.iss, arrived.sub) == (actor.iss, actor.sub)


def commit(ctx: CommitContext) -> Committed:
    """Write the row; close what asked for it."""
    arrived = _open(ctx.target.name)
    if arrived is None or ctx.params.get("flow") != ctx.target.name:
        raise Refused("unknown_flow", "This connection was not completed here.")
    secret_box.drop(_BOX, ctx.target.name)
    now = clock.now()
    account, _ = ConnectedAccount.objects.update_or_create(
        iss=arrived.iss,
        sub=arrived.sub,
        connection=arrived.connection,
        auth0_id=arrived.auth0_id,
        defaults=_row(arrived, now),
        create_defaults={"id": ctx.target.name, "watched_since": now, **_row(arrived, now)},
    )
    needs.met(arrived.iss, arrived.sub, arrived.connection, now)
    return Committed(
        data={**names.facts_of(account), **names.grant_of(account)},
        private=names.private_of(account),
    )


def _row(arrived: Arrived, now: datetime) -> Mapping[str, Any]:
    return {
        "label": arrived.label,
        "scopes": list(arrived.scopes),
        "connected_at": _moment(arrived.connected_at),
        "expires_at": _moment(arrived.expires_at),
        "state": State.CONNECTED,
        "state_since": now,
        "state_by": arrived.sub,
        "state_reason": "",
        "source": "my_account",
        "seen_at": now,
    }


def _moment(text: str) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
