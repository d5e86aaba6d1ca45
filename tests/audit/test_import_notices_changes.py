"""A row that changed stays what it was; the change is an event of its own, once."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from django.db import IntegrityError, connection, transaction

from audit import importing
from audit.ledger.format.canonical import canonical
from audit.models import EventRow, Openings, QuarantinedRow
from tests.audit import imports

pytestmark = pytest.mark.django_db
CHANGED = "defenseclaw.row_changed"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = imports.empty(tmp_path / "audit.db", 7)
    imports.audit_row(path, severity="HIGH")
    importing.run(path, "edge-1")
    return path


def test_a_changed_row_is_a_duplicate_and_raises_one_event(path: Path) -> None:
    first = imports.event(action="defenseclaw.skill-block")
    imports.change(path, "UPDATE audit_events SET actor = 'cli:mallory'")
    report = importing.run(path, "edge-1")
    assert imports.counts(report) == {"rows": 1, "imported": 0, "duplicates": 1, "quarantined": 0}
    assert dict(report.changed) == {"content": 1}
    event = imports.event(action=CHANGED)
    assert event["severity"] == "HIGH"
    assert event["changes"] == {"actor": {"before": "defenseclaw", "after": "cli:mallory"}}
    assert event["data"]["first_event"] == first["id"]
    assert event["data"]["first_seen_digest"] == first["data"]["raw"]["digest"]
    assert event["data"]["digest"] != event["data"]["first_seen_digest"]
    assert imports.event(action="defenseclaw.skill-block") == first
    assert not importing.run(path, "edge-1").changed


def test_each_further_content_is_told_once_and_a_return_is_not(path: Path) -> None:
    for severity in ("LOW", "MEDIUM", "HIGH", "LOW"):
        imports.change(path, f"UPDATE audit_events SET severity = '{severity}'")
        importing.run(path, "edge-1")
    told = [e["changes"]["severity"] for e in imports.events(action=CHANGED)]
    assert told == [{"before": "HIGH", "after": s} for s in ("LOW", "MEDIUM")]


def test_an_acknowledgement_in_place_is_named_and_the_first_severity_kept(path: Path) -> None:
    imports.change(path, "UPDATE audit_events SET severity = 'ACK'")
    report = importing.run(path, "edge-1")
    assert dict(report.changed) == {"acknowledged_in_place": 1}
    event = imports.event(action=CHANGED)
    assert event["data"]["change"] == "acknowledged_in_place"
    assert event["data"]["first_seen_severity"] == "HIGH"
    assert event["severity"] == "LOW"
    assert imports.event(action="defenseclaw.skill-block")["severity"] == "HIGH"


def test_an_acknowledgement_that_changes_more_is_an_alarm(path: Path) -> None:
    imports.change(path, "UPDATE audit_events SET severity = 'ACK', target = 'notes'")
    assert dict(importing.run(path, "edge-1").changed) == {"content": 1}


def test_an_erased_first_row_can_still_be_seen_to_have_changed(path: Path) -> None:
    Openings.objects.all().delete()
    imports.change(path, "UPDATE audit_events SET severity = 'ACK'")
    importing.run(path, "edge-1")
    event = imports.event(action=CHANGED)
    assert event["data"]["change"] == "content"
    assert event["changes"] is None


def test_columns_added_by_a_later_defenseclaw_are_no_change(path: Path) -> None:
    imports.change(
        path,
        "ALTER TABLE audit_events ADD COLUMN turn_id TEXT",
        "ALTER TABLE audit_events ADD COLUMN retention_timestamp_unix_nano INTEGER",
        "UPDATE audit_events SET retention_timestamp_unix_nano = 1795409551397232777",
    )
    report = importing.run(path, "edge-1")
    assert report.total.duplicates == 1
    assert not report.changed


def test_a_row_that_becomes_unreadable_after_import_is_a_change_not_a_loss(path: Path) -> None:
    imports.change(path, "UPDATE audit_events SET timestamp = 'never'")
    report = importing.run(path, "edge-1")
    assert (report.total.duplicates, report.total.quarantined) == (1, 0)
    assert report.changed.total() == 1


def test_two_contents_of_one_id_in_one_file_are_a_row_and_a_change(tmp_path: Path) -> None:
    path = tmp_path / "loose.db"
    imports.change(
        path,
        "CREATE TABLE audit_events (id TEXT, timestamp TEXT, action TEXT, actor TEXT, "
        "target TEXT, details TEXT, severity TEXT)",
    )
    for target in ("a", "b", "a"):
        imports.audit_row(path, "twin", target=target)
    report = importing.run(path, "loose")
    assert imports.counts(report) == {"rows": 3, "imported": 1, "duplicates": 2, "quarantined": 0}
    assert EventRow.objects.filter(action=CHANGED, instance="loose").count() == 1


@pytest.mark.parametrize(
    ("details", "severity", "basis"),
    [
        ("connector=cursor severity=LOW reason=rule", "LOW", "details"),
        (
            "scanner=skill-scanner findings=1 max_severity=CRITICAL duration=0",
            "CRITICAL",
            "details",
        ),
        ("state changed", "INFO", "overwritten"),
    ],
)
def test_a_row_acknowledged_before_the_first_import_says_what_is_known(
    tmp_path: Path, details: str, severity: str, basis: str
) -> None:
    path = imports.empty(tmp_path / "late.db", 7)
    imports.audit_row(path, action="alert", severity="ACK", details=details)
    importing.run(path, "late")
    event = imports.event(action="defenseclaw.alert")
    assert event["severity"] == severity
    assert event["data"]["severity_reported"] == "ACK"
    assert event["data"]["severity_basis"] == basis


@pytest.mark.parametrize("statement", ["UPDATE {} SET row_id = row_id", "DELETE FROM {}"])
def test_the_memory_of_what_was_imported_takes_inserts_only(path: Path, statement: str) -> None:
    with (
        pytest.raises(IntegrityError, match="insert-only"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement.format("audit_importedrow"))


def widen(path: Path, many: int, length: int) -> list[str]:
    """Give the table more columns, with something in each of them; their names, sorted."""
    names = [f"c{n:04}_".ljust(length, "x") for n in range(many)]
    imports.change(
        path,
        *(f"ALTER TABLE audit_events ADD COLUMN {name} TEXT" for name in names),
        f"UPDATE audit_events SET {', '.join(f"{name} = 'new'" for name in names)}",
    )
    return names


def test_a_row_with_very_many_changed_columns_stops_no_import(path: Path) -> None:
    names = widen(path, 1400, 55)
    for n in range(4):
        imports.audit_row(path, f"behind-{n}")
    report = importing.run(path, "edge-1")
    assert imports.counts(report) == {"rows": 5, "imported": 4, "duplicates": 1, "quarantined": 0}
    event = imports.event(action=CHANGED)
    assert event["data"]["columns"] == names[:50]
    assert event["data"]["columns_changed"] == 1400
    assert event["data"]["columns_digest"] == hashlib.sha256(canonical(names)).hexdigest()
    assert set(event["changes"]) == set(names)
    assert not importing.run(path, "edge-1").changed


def test_a_name_of_a_column_that_is_too_long_is_counted_and_not_shown(path: Path) -> None:
    widen(path, 2, 101)
    importing.run(path, "edge-1")
    data = imports.event(action=CHANGED)["data"]
    assert (data["columns"], data["columns_changed"]) == ([], 2)


def test_a_change_that_no_entry_can_hold_is_set_aside_and_stops_no_import(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    widen(path, 30, 90)
    imports.audit_row(path, "behind")
    monkeypatch.setattr("audit.ledger.format.entry.MAX_ENTRY_BYTES", 3000)
    report = importing.run(path, "edge-1")
    assert imports.counts(report) == {"rows": 2, "imported": 1, "duplicates": 0, "quarantined": 1}
    assert not report.changed
    (aside,) = QuarantinedRow.objects.all()
    assert (aside.row_id, aside.reason) == ("row-1", "not_recordable")
    assert "makes an entry of" in aside.detail
    monkeypatch.undo()
    assert dict(importing.run(path, "edge-1").changed) == {"content": 1}, "it was not forgotten"
