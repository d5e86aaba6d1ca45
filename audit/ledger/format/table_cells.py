"""How the cells of an event read in a table: the columns that follow from the event alone."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

type Event = Mapping[str, Any]
type Cell = str | int | None

ERASED: Final = "(erased)"
# What a spreadsheet would run instead of show (OWASP, CSV injection), full-width forms included.
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def safe_cell(value: Cell) -> Cell:
    """A value that no spreadsheet takes for a formula: text that would be one gets a leading '."""
    if isinstance(value, str) and value.startswith(_FORMULA):
        return f"'{value}"
    return value


def _shown(value: Any) -> str:
    if isinstance(value, Mapping):
        return ERASED if value.get("erased") else _json(value)
    return "" if value is None else str(value)


def _json(value: Any) -> str:
    """Members sorted: databases keep orders of their own, and a cell is compared as text."""
    if not value:
        return ""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def _person(key: str, field: str) -> Callable[[Event], Cell]:
    return lambda event: _shown((event[key] or {}).get(field))


def _plain(name: str) -> Callable[[Event], Cell]:
    return lambda event: _shown(event[name])


COLUMNS: Final[Mapping[str, Callable[[Event], Cell]]] = {
    "index": lambda event: event["index"],
    "id": _plain("id"),
    "time": _plain("time"),
    "recorded_at": _plain("recorded_at"),
    "action": _plain("action"),
    "outcome": _plain("outcome"),
    "severity": _plain("severity"),
    "source": _plain("source"),
    "instance": _plain("instance"),
    "actor_name": _person("actor", "name"),
    "actor_email": _person("actor", "email"),
    "actor_sub": _person("actor", "sub"),
    "actor_iss": _person("actor", "iss"),
    "actor_roles": lambda event: " ".join(event["actor"]["roles"]),
    "on_behalf_of_name": _person("on_behalf_of", "name"),
    "on_behalf_of_email": _person("on_behalf_of", "email"),
    "on_behalf_of_sub": _person("on_behalf_of", "sub"),
    "via": _plain("via"),
    "target_kind": _person("target", "kind"),
    "target_name": _person("target", "name"),
    "target_instance": _person("target", "instance"),
    "connection": _plain("connection"),
    "agent": _plain("agent"),
    "skill": _plain("skill"),
    "approval": _plain("approval"),
    "operation": _plain("operation"),
    "session": _plain("session"),
    "request": _plain("request"),
    "intent_hash": _plain("intent_hash"),
    "reason": _plain("reason"),
    "changes": lambda event: _json(event["changes"]),
    "data": lambda event: _json(event["data"]),
    "evidence": lambda event: _json(event["evidence"]),
    "human": _plain("human"),
    "log": _plain("log"),
}
"""Name of a column and how its cell reads, before `safe_cell`."""
