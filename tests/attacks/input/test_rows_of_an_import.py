"""A database of rows that cannot be: each becomes an event, or is set aside with its reason."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from audit.importing import run
from audit.models import EventRow, QuarantinedRow
from audit.sequencing import sequencer
from tests.attacks.input.hostile import TEXTS
from tests.audit.imports import audit_row, empty, event

pytestmark = pytest.mark.django_db

GOOD = "2026-11-24T10:00:00+00:00"
SET_ASIDE: dict[str, tuple[dict[str, Any], str]] = {
    "30 February": ({"timestamp": "2026-02-30T00:00:00Z"}, "bad_time"),
    "year 0": ({"timestamp": "0000-01-01T00:00:00Z"}, "bad_time"),
    "beyond 9999 in UTC": ({"timestamp": "9999-12-31T23:59:59-23:59"}, "bad_time"),
    "leap second": ({"timestamp": "2016-12-31T23:59:60Z"}, "bad_time"),
    "zone of 99 hours": ({"timestamp": "2026-01-01T00:00:00+99:99"}, "bad_time"),
    "negative epoch": ({"timestamp": -62135596800}, "bad_time"),
    "an epoch": ({"timestamp": 1764000000}, "bad_time"),
    "Go's zero time": ({"timestamp": "0001-01-01T00:00:00Z"}, "bad_time"),
    "binary time": ({"timestamp": b"2026-01-01"}, "bad_time"),
    "NUL in the time": ({"timestamp": f"{GOOD}\0"}, "bad_time"),
    "no action": ({"action": "  "}, "missing_action"),
    "not UTF-8": ({"details": b"caf\xe9 \xff"}, "not_utf8"),
}
IMPORTED: dict[str, dict[str, Any]] = {
    "binary details": {"details": b"\x00\xff\xfe"},
    "a number for a text": {"details": 2**62, "target": 7},
    "a real": {"details": 1.5e308},
    "year 9999": {"timestamp": "9999-12-31T23:59:59Z"},
    "far time zone": {"timestamp": "2026-01-01T00:00:00+14:00"},
    "members twice": {"details": '{"a":1,"a":2}'},
    "NaN": {"details": '{"a":NaN,"b":Infinity,"c":1e400,"d":9007199254740993}'},
    "half a character in JSON": {"details": '{"a":"\\ud800"}'},
    "100,000 levels": {"details": "[" * 100_000 + "]" * 100_000},
    "no JSON": {"details": '{"a":'},
    "2 MiB": {"details": "x" * (2 * 2**20 + 1)},
    "5 MiB of JSON": {"details": '{"a":"' + "x" * (5 * 2**20) + '"}'},
    "severity nobody knows": {"severity": "APOCALYPTIC"},
}


def as_text(path: Path, row_id: str, details: bytes) -> None:
    """Bytes stored as text, as a careless program would."""
    connection = sqlite3.connect(path)
    with connection:
        connection.execute(
            "UPDATE audit_events SET details = CAST(? AS TEXT) WHERE id = ?", (details, row_id)
        )
    connection.close()


def fill(path: Path) -> int:
    for what, (columns, reason) in SET_ASIDE.items():
        audit_row(path, what, **columns)
        if reason == "not_utf8":
            as_text(path, what, columns["details"])
    for what, columns in IMPORTED.items():
        audit_row(path, what, **columns)
    for what, text in TEXTS.items():
        audit_row(path, f"in every column: {what}", target=text, actor=text, details=text)
        audit_row(path, f"as action: {what}", action=text)
    audit_row(path, "id\0with NUL")
    audit_row(path, "x" * 10_000)
    return len(SET_ASIDE) + len(IMPORTED) + 2 * len(TEXTS) + 2


def test_every_row_is_an_event_or_set_aside_with_its_reason(tmp_path: Path) -> None:
    path = empty(tmp_path / "audit.db", 8)
    rows = fill(path)
    report = run(path, "edge-9")
    found = report.as_json()
    assert found["rows"] == rows
    assert found["imported"] + found["duplicates"] + found["quarantined"] == rows
    assert found["quarantined"] == QuarantinedRow.objects.count()
    aside = dict(QuarantinedRow.objects.values_list("row_id", "reason"))
    assert {what: aside.get(what) for what in SET_ASIDE} == {
        what: reason for what, (_, reason) in SET_ASIDE.items()
    }
    assert not set(aside) & set(IMPORTED)
    assert sorted(aside.values()).count("unusable_id") == 2
    # The record of what was set aside is itself an event, and the tree takes them all.
    assert event(action="audit.quarantined")["data"]["rows"] == found["quarantined"]
    sequencer.run_once()
    assert EventRow.objects.filter(source="defenseclaw", seq=None).count() == 0


def test_the_same_rows_again_change_nothing(tmp_path: Path) -> None:
    path = empty(tmp_path / "audit.db", 8)
    rows = fill(path)
    first = run(path, "edge-9").as_json()
    again = run(path, "edge-9").as_json()
    assert again["imported"] == 0
    assert again["duplicates"] == first["imported"]
    assert again["duplicates"] + again["quarantined"] == rows
