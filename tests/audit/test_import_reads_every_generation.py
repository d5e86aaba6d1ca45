"""Every evidence row of every generation becomes one event, and the counts add up."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import pytest

from audit import importing
from audit.models import Event, ImportedRow
from audit.verification.verify import run as verify
from demo.store.schema import EVIDENCE_TABLES, Generation
from tests.audit import imports

pytestmark = pytest.mark.django_db
REAL_FILES = sorted(imports.REAL.glob("audit-*.db"))


def rows_in(path: Path) -> dict[str, int]:
    connection = sqlite3.connect(path)
    tables = {
        name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type='table'")
    }
    found = {
        table: connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
        for table in EVIDENCE_TABLES
        if table in tables
    }
    connection.close()
    return found


def adds_up(report: importing.ImportReport, expected: dict[str, int]) -> None:
    figures = report.as_json()
    by_table = figures.pop("by_table")
    assert {table: counts["rows"] for table, counts in by_table.items()} == expected
    for counts in (*by_table.values(), figures):
        assert counts["rows"] == sum(
            counts[part] for part in ("imported", "duplicates", "quarantined")
        )
    assert figures["rows"] == sum(expected.values())


@pytest.mark.parametrize("generation", [0, 7, 8])
def test_every_row_of_a_generation_is_imported_and_found_again(
    tmp_path: Path, generation: Generation
) -> None:
    path = imports.sample(tmp_path, generation)
    first = importing.run(path, "edge-1")
    adds_up(first, rows_in(path))
    assert imports.counts(first) == {
        "rows": 400,
        "imported": 400,
        "duplicates": 0,
        "quarantined": 0,
    }
    before = Event.objects.count()
    again = importing.run(path, "edge-1")
    assert imports.counts(again) == {
        "rows": 400,
        "imported": 0,
        "duplicates": 400,
        "quarantined": 0,
    }
    assert Event.objects.count() == before + 1  # the import itself, and nothing else
    assert not again.changed
    assert verify().ok


@pytest.mark.parametrize("path", REAL_FILES, ids=lambda path: path.stem)
def test_a_database_written_by_defenseclaw_itself_is_imported(path: Path) -> None:
    first = importing.run(path)
    adds_up(first, rows_in(path))
    assert first.total.imported == first.total.rows > 0
    assert first.instance == path.stem
    assert importing.run(path).total.duplicates == first.total.rows
    if path.stem == "audit-v8":
        assert dict(first.integrity) == {"verified": first.by_table["audit_events"].rows}
        assert first.mismatches == 0
        assert first.provenance["asserted"] > 0


def test_the_same_file_under_another_name_is_another_gateway(tmp_path: Path) -> None:
    path = imports.sample(tmp_path, 0, 50)
    importing.run(path, "edge-1")
    assert importing.run(path, "edge-2").total.imported == 50
    assert ImportedRow.objects.values("event").distinct().count() == 100


def test_a_database_that_only_the_python_cli_made_is_read_by_its_columns(tmp_path: Path) -> None:
    path = tmp_path / "audit.db"
    imports.change(
        path,
        "CREATE TABLE audit_events (id TEXT PRIMARY KEY, timestamp DATETIME NOT NULL, "
        "action TEXT NOT NULL, target TEXT, actor TEXT NOT NULL DEFAULT 'defenseclaw', "
        "details TEXT, severity TEXT, bucket TEXT, event_name TEXT, payload_json TEXT)",
    )
    imports.audit_row(path, actor="cli:alice")
    report = importing.run(path, "cli-only")
    assert list(report.by_table) == ["audit_events"]
    event = imports.event(action="defenseclaw.skill-block")
    assert event["actor"]["name"] == "alice"
    assert "integrity" not in event["data"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "2026-11-24T13:55:38.752491+00:00",
            datetime(2026, 11, 24, 13, 55, 38, 752491, UTC),
        ),
        (
            "2026-11-02T10:09:24.601544256Z",
            datetime(2026, 11, 2, 10, 9, 24, 601544, UTC),
        ),
        ("2026-11-02 10:09:24", datetime(2026, 11, 2, 10, 9, 24, tzinfo=UTC)),
        (
            "2026-11-24 14:05:30.644788368+02:00",
            datetime(2026, 11, 24, 12, 5, 30, 644788, UTC),
        ),
        ("2026-11-02T10:09:24.6Z", datetime(2026, 11, 2, 10, 9, 24, 600000, UTC)),
    ],
)
def test_each_time_form_is_understood_and_kept_as_written(
    tmp_path: Path, text: str, expected: datetime
) -> None:
    path = imports.empty(tmp_path / "audit.db", 0)
    imports.audit_row(path, timestamp=text)
    importing.run(path, "edge-1")
    event = imports.event(action="defenseclaw.skill-block")
    assert datetime.fromisoformat(event["time"]) == expected
    assert event["data"]["raw"]["columns"]["timestamp"] == text


def test_a_finding_has_the_time_of_its_scan_and_one_without_says_so(tmp_path: Path) -> None:
    path = imports.empty(tmp_path / "audit.db", 0)
    imports.insert(
        path,
        "scan_results",
        id="scan-1",
        scanner="skill-scanner",
        target="/srv/claw/.codex/skills/pdf-exfil",
        timestamp="2026-11-24T10:00:00+00:00",
        max_severity="HIGH",
    )
    for row_id, scan in (("f1", "scan-1"), ("f2", "scan-gone")):
        imports.insert(
            path,
            "findings",
            id=row_id,
            scan_id=scan,
            severity="HIGH",
            title="Prompt injection",
            scanner="skill-scanner",
        )
    importing.run(path, "edge-1")
    known, lost = sorted(
        imports.events(action="defenseclaw.finding"), key=lambda e: e["data"]["row_id"]
    )
    assert known["time"] == "2026-11-24T10:00:00.000000Z"
    assert known["target"] == {"kind": "skill", "name": "pdf-exfil", "instance": "edge-1"}
    assert (known["data"]["time_basis"], lost["data"]["time_basis"]) == ("scan", "import")
    assert known["data"]["title"] == "Prompt injection"


def test_a_database_that_is_being_written_is_read_as_of_one_moment(tmp_path: Path) -> None:
    path = imports.sample(tmp_path, 8, 300)
    writer = sqlite3.connect(path)
    writer.execute("PRAGMA journal_mode=WAL")
    written = False

    def interfere(done: int, total: int) -> None:
        nonlocal written
        if not written:
            writer.execute("UPDATE audit_events SET details = 'later' || rowid")
            writer.execute("DELETE FROM scan_results")
            writer.commit()
            written = True

    report = importing.run(path, "edge-1", progress=interfere, batch=50)
    writer.close()
    assert written
    assert imports.counts(report)["imported"] == 300
    assert not any("later" in str(e["data"].get("details")) for e in imports.events())
