"""Bodies and entries of the tenant log, typed; what cannot be read is kept aside with a reason."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from connections.models import LogKind

MOST: Final = 5000
"""Entries of one delivery; Auth0 sends far fewer."""

REASONS: Final = {
    "not_json": "no JSON",
    "not_an_object": "no members, where an entry is an object",
    "no_log_id": "no usable log_id",
    "no_type": "no usable type",
    "no_date": "no readable date",
    "bad_member": "a member that is no short text",
}
"""Why an item is no entry, in words that follow "has"."""

_LONGEST: Final = 65_536
_DEEPEST: Final = 40
_KINDS: Final = {
    "seta": LogKind.EXCHANGED,
    "feta": LogKind.EXCHANGE_FAILED,
    "connected_accounts_connection_succeeded": LogKind.CONNECTED,
    "connected_accounts_delete_succeeded": LogKind.DISCONNECTED,
    "s": LogKind.SIGNED_IN,
}


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry; `kind` is None where its type tells the inventory nothing."""

    log_id: str
    at: datetime
    kind: LogKind | None
    sub: str = field(default="", repr=False)
    connection: str = ""
    client_id: str = ""
    agent_id: str = ""
    auth0_id: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Malformed:
    """Something that is no entry: why, and what there was, for a person to look at."""

    log_id: str
    reason: str
    detail: str
    content: Any = field(repr=False)
    size: int | None = None  # bytes; None where it cannot be told


class TooMany(ValueError):
    """More entries than one delivery may bring."""


def of_body(body: bytes) -> list[Entry | Malformed]:
    """The entries of a log stream's delivery: a JSON array, an object, or JSON lines.

    Raises:
        TooMany: more than MOST.
    """
    try:
        value = _parse(body)
    except ValueError:
        lines = [line for line in body.splitlines() if line.strip()]
        _bounded(lines)
        return [_of_line(line) for line in lines]
    if isinstance(value, dict) and isinstance(value.get("logs"), list):
        value = value["logs"]
    found = value if isinstance(value, list) else [value]
    _bounded(found)
    return list(map(entry_of, found))


def _bounded(items: list[Any]) -> None:
    if len(items) > MOST:
        raise TooMany(f"at most {MOST:,} log entries at a time, not {len(items):,}")


def _of_line(line: bytes) -> Entry | Malformed:
    try:
        return entry_of(_parse(line))
    except ValueError as error:
        text = line[:2000].decode("utf-8", "replace").replace("\0", "\ufffd")
        return Malformed("", "not_json", str(error)[:200], {"text": text}, len(line))


def _parse(text: bytes) -> Any:
    try:
        return json.loads(text.decode())
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def entry_of(item: Any) -> Entry | Malformed:
    """One item, as a stream wraps it (`{log_id, data}`) or as the Management API lists it."""
    data = item.get("data", item) if isinstance(item, Mapping) else item
    if not isinstance(data, Mapping):
        return _malformed("", "not_an_object", "an entry is a JSON object", item)
    log_id = data.get("log_id") or data.get("_id") or item.get("log_id")
    if not isinstance(log_id, str) or not _is_short(log_id, 256):
        return _malformed("", "no_log_id", "log_id is missing or no short text", item)
    if not isinstance(data.get("type"), str) or not _is_short(data["type"], 128):
        return _malformed(log_id, "no_type", "type is missing or no short text", item)
    at = _moment(data.get("date"))
    if at is None:
        return _malformed(log_id, "no_date", "date is missing or no RFC 3339 time", item)
    kind = _KINDS.get(data["type"])
    if kind is None:
        return Entry(log_id, at, None)
    return _useful(log_id, at, kind, data, item)


def _useful(
    log_id: str, at: datetime, kind: LogKind, data: Mapping[str, Any], item: Any
) -> Entry | Malformed:
    details = data.get("details")
    inner = details if isinstance(details, Mapping) else {}
    account = inner.get("connected_account")
    texts = {
        "sub": (data.get("user_id"), 255),
        "connection": (data.get("connection"), 128),
        "client_id": (data.get("client_id"), 256),
        "agent_id": (data.get("agent_id"), 128),
        "auth0_id": (account.get("id") if isinstance(account, Mapping) else None, 128),
        "reason": (inner.get("failure_reason"), 200),
    }
    for name, (value, limit) in texts.items():
        if value is not None and not (isinstance(value, str) and _is_short(value or "-", limit)):
            return _malformed(log_id, "bad_member", f"{name} is no short text", item)
    values = {name: value or "" for name, (value, _) in texts.items()}
    if not values["sub"]:  # an exchange that is not about a person
        return Entry(log_id, at, None)
    return Entry(log_id, at, kind, **values)


def _is_short(text: str, limit: int) -> bool:
    return 0 < len(text) <= limit and text.isprintable()


def _moment(value: object) -> datetime | None:
    if not isinstance(value, str) or len(value) > 40:
        return None
    try:
        found = datetime.fromisoformat(value)
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _malformed(log_id: str, reason: str, detail: str, item: Any) -> Malformed:
    return Malformed(log_id, reason, detail, *_shown(item))


def _shown(item: Any) -> tuple[Any, int | None]:
    """What was sent, as far as a row can hold it, and how many bytes it has as JSON."""
    try:
        text = json.dumps(item, ensure_ascii=True)
    except (ValueError, RecursionError):
        return {"text": "(nested too deeply to be shown)"}, None
    unfit = len(text) > _LONGEST or "\\u0000" in text or "\\ud" in text or _deep(item)
    return {"text": text[:2000].replace("\\", "/")} if unfit else item, len(text)


def _deep(item: Any) -> bool:
    layer: Iterable[Any] = [item]
    for _ in range(_DEEPEST):
        layer = [
            inner
            for each in layer
            if isinstance(each, dict | list)
            for inner in (each.values() if isinstance(each, dict) else each)
        ]
        if not layer:
            return False
    return True
