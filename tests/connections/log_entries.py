"""Entries of a tenant log as Auth0 writes them (facts: one `log_id`, a type, a date)."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from django.test import Client

from tests.connections.visitor import Answer, subject

TOKEN = "Bearer log-stream-value-of-the-tests"
PATH = "/v1/ingest/auth0-logs"
START = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)


def entry(
    number: int,
    kind: str = "seta",
    who: str = "member2",
    *,
    minutes: float = 0.0,
    connection: str = "github",
    client: str = "concierge",
    **details: Any,
) -> dict[str, Any]:
    """One entry; `number` makes its `log_id`, `minutes` its date after START."""
    at = START + timedelta(minutes=minutes)
    return {
        "log_id": f"900{number:050d}",
        "date": at.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z",
        "type": kind,
        "client_id": client,
        "client_name": "Concierge",
        "connection": connection,
        "user_id": subject(who),
        "ip": "203.0.113.9",
        "details": details,
    }


def wrapped(*entries: dict[str, Any]) -> list[dict[str, Any]]:
    """As a log stream sends them."""
    return [{"log_id": one["log_id"], "data": one} for one in entries]


def lines(*entries: dict[str, Any]) -> bytes:
    """JSON lines, the stream's default."""
    return b"".join(json.dumps(item).encode() + b"\n" for item in wrapped(*entries))


def deliver(body: bytes, *, token: str = TOKEN, kind: str = "application/json") -> Answer:
    """A delivery as Auth0 makes it."""
    headers = {"Authorization": token} if token else {}
    found: Answer = Client().post(PATH, data=body, content_type=kind, headers=headers)
    return found
