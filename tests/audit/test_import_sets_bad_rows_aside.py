"""A row that cannot become an event is kept with its reason; the others are not held up."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from audit import importing
from audit.ledger.format import entry
from audit.models import QuarantinedRow
from tests.audit import imports

pytestmark = pytest.mark.django_db


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "audit.db"
    imports.change(
        path,
        "CREATE TABLE audit_events (id, timestamp, action, target, actor, details, severity)",
    )
    imports.audit_row(path, "good")
    return path


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({"timestamp": None}, "missing_time"),
        ({"timestamp": "2026-02-30T10:00:00Z"}, "bad_time"),
        ({"timestamp": "2026-11-24T25:00:00Z"}, "bad_time"),
        ({"timestamp": "0001-01-01T00:00:00Z"}, "bad_time"),
        ({"timestamp": "yesterday"}, "bad_time"),
        ({"timestamp": 1795409551}, "bad_time"),
        ({"timestamp": "9999-12-31T23:59:59-23:59"}, "bad_time"),
        ({"action": None}, "missing_action"),
        ({"action": "  "}, "missing_action"),
        ({"id": None}, "unusable_id"),
        ({"id": ""}, "unusable_id"),
        ({"id": b"\x00\x01"}, "unusable_id"),
        ({"id": "x" * 201}, "unusable_id"),
        ({"id": "line\nbreak"}, "unusable_id"),
    ],
)
def test_a_bad_row_is_set_aside_with_its_reason(
    path: Path, columns: dict[str, Any], reason: str
) -> None:
    imports.audit_row(path, **{"row_id": "bad", **columns})
    report = importing.run(path, "edge-1")
    assert imports.counts(report) == {"rows": 2, "imported": 1, "duplicates": 0, "quarantined": 1}
    assert dict(report.reasons) == {reason: 1}
    kept = QuarantinedRow.objects.get()
    assert kept.reason == reason
    assert kept.detail
    assert kept.content["actor"] == "defenseclaw"


def test_text_that_is_no_utf8_is_set_aside_readably(path: Path) -> None:
    imports.change(
        path,
        "INSERT INTO audit_events VALUES ('broken', '2026-11-24T10:00:00Z', 'scan', "
        "CAST(X'636166e9' AS TEXT), 'x', NULL, 'INFO')",
    )
    report = importing.run(path, "edge-1")
    assert dict(report.reasons) == {"not_utf8": 1}
    kept = QuarantinedRow.objects.get()
    assert kept.content["target"] == "caf\\udce9"
    assert "target" in kept.detail


def test_what_the_ledger_refuses_is_set_aside_and_the_batch_goes_on(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(entry, "MAX_ENTRY_BYTES", 1400)
    wide = {name: "x" * 128 for name in ("run_id", "trace_id", "scan_id", "policy_id", "turn_id")}
    imports.change(path, *(f"ALTER TABLE audit_events ADD COLUMN {name}" for name in wide))
    imports.audit_row(path, "wide", **wide)
    imports.audit_row(path, "after")
    report = importing.run(path, "edge-1")
    assert imports.counts(report)["imported"] == 2
    assert dict(report.reasons) == {"not_recordable": 1}
    monkeypatch.undo()
    assert imports.counts(importing.run(path, "edge-1")) == {
        "rows": 3,
        "imported": 1,
        "duplicates": 2,
        "quarantined": 0,
    }


def test_one_event_tells_how_many_rows_and_which(path: Path) -> None:
    imports.audit_row(path, "a", timestamp="no")
    imports.audit_row(path, "b", timestamp=None)
    imports.audit_row(path, "c", timestamp="never")
    importing.run(path, "edge-1")
    event = imports.event(action="audit.quarantined")
    assert event["data"]["reasons"] == {"bad_time": 2, "missing_time": 1}
    assert [row["row_id"] for row in event["data"]["listing"]] == ["a", "b", "c"]
    assert event["target"]["name"] == "audit.db"


def test_a_bad_row_is_stored_once_however_often_it_is_seen(path: Path) -> None:
    imports.audit_row(path, "bad", timestamp="no")
    first = importing.run(path, "edge-1")
    again = importing.run(path, "edge-1")
    assert first.total.quarantined == again.total.quarantined == 1
    assert again.total.duplicates == 1
    assert QuarantinedRow.objects.count() == 1


def test_a_repaired_row_is_imported(path: Path) -> None:
    imports.audit_row(path, "bad", timestamp="no")
    importing.run(path, "edge-1")
    imports.change(path, "UPDATE audit_events SET timestamp = '2026-11-24T10:00:00Z'")
    report = importing.run(path, "edge-1")
    assert report.total.imported == 1


def test_a_table_without_its_id_column_is_set_aside_whole(path: Path) -> None:
    imports.change(path, "CREATE TABLE findings (title TEXT)")
    imports.insert(path, "findings", title="one")
    imports.insert(path, "findings", title="two")
    report = importing.run(path, "edge-1")
    assert report.by_table["findings"].quarantined == 2
    assert report.total.imported == 1


def test_values_that_json_lacks_are_kept_as_text(path: Path) -> None:
    imports.audit_row(
        path, "odd", details=2**60, target=b"\x00\xff", severity=float("inf"), actor="a\0b"
    )
    assert importing.run(path, "edge-1").total.quarantined == 0
    raw = imports.event(event=_event_of("odd"))["data"]["raw"]["columns"]
    assert raw["details"] == str(2**60)
    assert raw["target"] == {"$base64": "AP8="}
    assert raw["severity"] == "inf"
    assert raw["actor"] == "a\0b"


def _event_of(row_id: str) -> Any:
    from audit.importing.source_row_identity import event_id

    return event_id("edge-1", "audit_events", row_id)
