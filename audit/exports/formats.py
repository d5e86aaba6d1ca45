"""File formats of an export: how a file begins and how one event is written."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from audit import actions
from audit.importing.masking import mask
from audit.ledger.canonical import canonical

type Event = Mapping[str, Any]
type Cell = str | int | None

# What a spreadsheet would run instead of show (OWASP, CSV injection), full-width forms included.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


@dataclass(frozen=True, slots=True)
class Format:
    """One format. `header` begins every file; `line` is one event, line end included.

    `line` takes what `shown` makes of a public event, so that several formats mask it once.
    """

    name: str
    label: str
    content_type: str
    rules: str
    header: bytes
    line: Callable[[Event], bytes]

    def row(self, event: Event) -> bytes:
        """One public event as it stands in the file."""
        return self.line(shown(event))


def shown(event: Event) -> Event:
    """A public event as files show it: secrets that other systems wrote are masked."""
    return {**event, "data": mask(event["data"])}


def safe_cell(value: Cell) -> Cell:
    """A value that no spreadsheet takes for a formula: text that would be one gets a leading '."""
    if isinstance(value, str) and value.startswith(_FORMULA):
        return f"'{value}"
    return value


def _shown(value: Any) -> str:
    if isinstance(value, Mapping):
        return "(erased)" if value.get("erased") else _json(value)
    return "" if value is None else str(value)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")) if value else ""


def _person(key: str, field: str) -> Callable[[Event], Cell]:
    return lambda event: _shown((event[key] or {}).get(field))


def _plain(name: str) -> Callable[[Event], Cell]:
    return lambda event: _shown(event[name])


COLUMNS: Mapping[str, Callable[[Event], Cell]] = {
    "index": lambda event: event["index"],
    "id": _plain("id"),
    "time": _plain("time"),
    "recorded_at": _plain("recorded_at"),
    "action": _plain("action"),
    "outcome": _plain("outcome"),
    "severity": _plain("severity"),
    "sentence": actions.sentence,
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


def _csv_line(cells: Iterator[Cell]) -> bytes:
    line = io.StringIO()
    # RFC 4180 ends lines with CRLF; a lone surrogate can stand in no file.
    csv.writer(line).writerow([safe_cell(cell) for cell in cells])
    return line.getvalue().encode("utf-8", "replace")


def _csv_row(event: Event) -> bytes:
    return _csv_line(read(event) for read in COLUMNS.values())


def _ndjson_row(event: Event) -> bytes:
    return canonical(event) + b"\n"


FORMATS: Mapping[str, Format] = {
    "csv": Format(
        "csv",
        "CSV",
        "text/csv; charset=utf-8",
        "UTF-8, RFC 4180; a cell that a spreadsheet would run as a formula begins with '",
        _csv_line(iter(COLUMNS)),
        _csv_row,
    ),
    "ndjson": Format(
        "ndjson",
        "NDJSON",
        "application/x-ndjson",
        "UTF-8; one event a line, as the API shows it, RFC 8785",
        b"",
        _ndjson_row,
    ),
}
