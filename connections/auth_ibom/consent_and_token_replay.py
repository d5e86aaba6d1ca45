"""Consents and refresh tokens of applications as the events about them tell. Pure Python.

Each of those events names one (`data.access_id`) with its kind, application, audiences and scopes,
and says in which state it left it. When a refresh token was exchanged is no event: it is not known.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from connections.auth_ibom import event_values
from connections.auth_ibom.record_types import Access

ACTIONS: Final = ("access.reconciled", "access.revoked")


def access_of(event: Mapping[str, Any], known: Mapping[str, Access]) -> Access | None:
    """What an event of ACTIONS makes of the one that it names; None where it names none."""
    data, when = event["data"], event_values.moment(event["time"])
    name, state = data.get("access_id"), data.get("state")
    if not isinstance(name, str) or not isinstance(state, str):
        return None  # asked, and not agreed to
    was = known.get(name) or Access(
        id=name,
        kind=str(data["kind"]),
        auth0_id=str(data["auth0_id"]),
        client_id=str(data["client_id"]),
        state_since=when,
        first_seen=when,
        seen_at=when,
        use_known=False,
    )
    iss, sub, email = event_values.owner(data) or (was.iss, was.sub, was.email)
    application = str(data.get("application", ""))
    return replace(
        was,
        iss=was.iss if iss is None else iss,
        sub=sub,
        email=email,
        client_name="" if application == was.client_id else application,
        audiences=tuple(map(str, data["audiences"])),
        scopes=tuple(map(str, data["scopes"])),
        state=state,
        state_since=when if state != was.state else was.state_since,
        seen_at=when if event["action"] == "access.reconciled" else was.seen_at,
        created_at=_moment(data, "created_at", was.created_at),
        expires_at=_moment(data, "expires_at", was.expires_at),
    )


def _moment(data: Mapping[str, Any], name: str, known: datetime | None) -> datetime | None:
    """Entries that are older than these fields do not have them."""
    if name not in data:
        return known
    return event_values.moment(data[name]) if data[name] else None
