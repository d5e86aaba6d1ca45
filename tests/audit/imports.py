"""DefenseClaw databases for tests of the importer: invented months, and rows made by hand."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.conf import settings

from audit.models import EventRow
from audit.recording import stored_event_loader
from demo.sample_gateway_database import Plan, write
from demo.store.instant import from_iso
from demo.store.schema import Generation, statements

UNTIL = from_iso("2026-11-24T12:00:00Z")
REAL = Path(settings.BASE_DIR).parent / "shared" / "data" / "defenseclaw"


def sample(folder: Path, generation: Generation, events: int = 400) -> Path:
    """A month of invented history in a folder of its own (generation 8 leaves its key there)."""
    path = folder / f"gen{generation}" / "audit.db"
    write(path, Plan(events, 30, 7, UNTIL, generation))
    return path


def empty(path: Path, generation: Generation) -> Path:
    """A database of a generation without rows."""
    path.parent.mkdir(parents=True, exist_ok=True)
    change(path, *statements(generation))
    return path


def change(path: Path, *sql: str) -> None:
    """Run statements as DefenseClaw could."""
    connection = sqlite3.connect(path)
    with connection:
        for statement in sql:
            connection.execute(statement)
    connection.close()


def insert(path: Path, table: str, **columns: Any) -> None:
    """Add one row."""
    connection = sqlite3.connect(path)
    with connection:
        marks = ", ".join("?" * len(columns))
        connection.execute(
            f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})", tuple(columns.values())
        )
    connection.close()


def audit_row(path: Path, row_id: str = "row-1", **columns: Any) -> None:
    """Add one ordinary row to `audit_events`, with some columns said otherwise."""
    ordinary: dict[str, Any] = {
        "id": row_id,
        "timestamp": "2026-11-24T10:00:00.123456+00:00",
        "action": "skill-block",
        "target": "pdf-exfil",
        "actor": "defenseclaw",
        "details": "reason=known malicious connector=",
        "severity": "INFO",
    }
    insert(path, "audit_events", **{**ordinary, **columns})


def events(**filters: Any) -> list[dict[str, Any]]:
    """Public events by columns of their search rows, oldest first."""
    found = EventRow.objects.filter(**filters).order_by("time", "event")
    return stored_event_loader.load_many(list(found.values_list("event", flat=True)))


def event(**filters: Any) -> dict[str, Any]:
    """The only event of that kind."""
    (found,) = events(**filters)
    return found


def counts(report: Any) -> Mapping[str, int]:
    """The four figures of a report."""
    return {k: v for k, v in report.as_json().items() if k not in {"by_table", "not_imported"}}
