"""The tenant log: every state change writes one event with Auth0's type code."""

from __future__ import annotations

import re
import threading
from typing import Any

from allauth.core import context
from allauth.idp.oidc.models import Client
from django.db import models, transaction
from django.http import HttpRequest

from local.tenant import clock
from local.tenant.models import LogEvent, Person

TENANT_NAME = "local"
SEARCH_LIMIT = 1000
SEARCHABLE = frozenset({"type", "user_id", "client_id", "connection", "log_id", "ip"})

_TERM = re.compile(r'(?P<field>[a-z_.]+):(?:"(?P<quoted>[^"]*)"|(?P<bare>\S+))')
_written = threading.Event()


class BadQuery(ValueError):
    """A log search this tenant does not understand; the message names the fix."""


def write(
    type: str,
    *,
    client: Client | None = None,
    person: Person | None = None,
    **fields: Any,
) -> LogEvent:
    """Append one event. ``client`` and ``person`` fill Auth0's usual members.

    Further ``fields`` are stored as given (``details``, ``connection``, ``description``, …) and
    must hold no secret. Returns the stored event, whose ``log_id`` orders it.
    """
    body: dict[str, Any] = {"tenant_name": TENANT_NAME, **_where(context.request)}
    if client is not None:
        body |= {"client_id": client.id, "client_name": client.name}
    if person is not None:
        body |= {"user_id": person.sub, "user_name": person.email}
    body |= fields
    now = clock.now()
    with transaction.atomic():
        event = LogEvent.objects.create(
            log_id=f"pending-{threading.get_ident()}",
            date=now,
            type=type,
            user_id=str(body.get("user_id", "")),
            fields=body,
        )
        event.log_id = f"900{now:%Y%m%d}{event.seq:045d}"
        event.save(update_fields=["log_id"])
    transaction.on_commit(_written.set)
    return event


def wait_for_news(timeout: float) -> None:
    """Sleep until an event is written by this process, at most ``timeout`` seconds."""
    _written.wait(timeout)
    _written.clear()


def after(log_id: str, take: int) -> list[LogEvent]:
    """Checkpoint mode: up to ``take`` events after ``log_id``, in log order.

    Raises BadQuery for an id this tenant never gave.
    """
    seed = LogEvent.objects.filter(log_id=log_id).first()
    if seed is None:
        raise BadQuery(f"The log_id {log_id!r} in 'from' is not a log event of this tenant")
    return list(LogEvent.objects.filter(seq__gt=seed.seq).order_by("seq")[:take])


def search(query: str, *, sub: str = "", newest_first: bool = True) -> models.QuerySet[LogEvent]:
    """Search mode: ``field:value`` terms joined by AND (Lucene's small change).

    ``sub`` restricts to one person. Raises BadQuery for fields or syntax it does not know.
    """
    rows: models.QuerySet[LogEvent] = LogEvent.objects.all()
    if sub:
        rows = rows.filter(user_id=sub)
    for field, value in _terms(query):
        lookup = field if field in {"type", "user_id", "log_id"} else f"fields__{field}"
        rows = rows.filter(**{lookup: value})
    return rows.order_by("-seq" if newest_first else "seq")


def _terms(query: str) -> list[tuple[str, str]]:
    found = []
    for term in filter(None, re.split(r"\s+AND\s+", query.strip())):
        match = _TERM.fullmatch(term.strip("()"))
        if match is None:
            raise BadQuery(f'{term!r} is not field:value; join terms with AND, e.g. type:"seta"')
        field = match["field"]
        if field not in SEARCHABLE:
            raise BadQuery(f"{field!r} is not searchable; use {', '.join(sorted(SEARCHABLE))}")
        found.append((field, match["quoted"] if match["quoted"] is not None else match["bare"]))
    return found


def _where(request: HttpRequest | None) -> dict[str, str]:
    if request is None:
        return {"ip": "", "user_agent": ""}
    return {
        "ip": str(request.META.get("REMOTE_ADDR", "")),
        "user_agent": request.headers.get("User-Agent", "")[:400],
    }
