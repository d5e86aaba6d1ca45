"""Databases of every DefenseClaw generation are read the same, and never written to."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeGuard

import pytest

from demo import sample_gateway_database
from enforcement.audit_database.names_of_scanned_things import asset_of
from enforcement.audit_database.scan_rows import (
    Position,
    SourceScan,
    SourceUnreadable,
    opened,
    severity_of,
)
from enforcement.audit_database.time_texts import moment
from enforcement.findings.unreadable_row_quarantine import Unreadable

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


@pytest.mark.parametrize("generation", ["0", "7", "8"])
def test_scans_with_their_findings_come_in_stored_order(tmp_path: Path, generation: str) -> None:
    path = tmp_path / "audit.db"
    assert (
        sample_gateway_database.main([str(path), "--events", "300", "--generation", generation])
        == 0
    )
    before = path.read_bytes()
    with opened(path) as source:
        scans = [s for s in source.after(Position(), NOW, limit=10_000) if is_read(s)]
        end = source.end()
        assert source.still_has(end) and not source.still_has(Position(end.rowid, "another"))
        rest = source.after(Position(scans[9].rowid, scans[9].id), NOW, limit=10_000)
    assert path.read_bytes() == before
    assert [s.id for s in rest] == [s.id for s in scans[10:]]
    assert scans[-1].id == end.scan and all(s.complete for s in scans)
    assert {s.kind for s in scans} <= {"skill", "mcp", "plugin"}
    grave = [s for s in scans if s.severity in {"CRITICAL", "HIGH"}]
    assert grave and all(s.findings and s.findings[0].title for s in grave)
    assert all("/" not in s.name for s in scans if s.kind != "mcp")
    assert all(s.at != NOW for s in scans)
    linked = [f.alert_id for s in grave for f in s.findings]
    assert all(linked) if generation == "8" else not any(linked)


def is_read(scan: SourceScan | Unreadable) -> TypeGuard[SourceScan]:
    return isinstance(scan, SourceScan)


def test_a_scan_whose_findings_are_still_missing_is_not_complete(tmp_path: Path) -> None:
    path = tmp_path / "audit.db"
    assert sample_gateway_database.main([str(path), "--events", "60", "--generation", "7"]) == 0
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(
            "INSERT INTO scan_results (id, scanner, target, timestamp, finding_count, max_severity)"
            " VALUES ('s1', 'skill-scanner', '/x/skills/slow', ?, 2, 'CRITICAL')",
            (NOW.isoformat(),),
        )
    with opened(path) as source:
        scan = source.after(Position(), NOW, limit=10_000)[-1]
    assert is_read(scan)
    assert (scan.id, scan.name, scan.complete) == ("s1", "slow", False)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-24T13:55:38.752491+00:00", datetime(2026, 11, 24, 13, 55, 38, 752491, UTC)),
        ("2026-11-02T10:09:24.601544256Z", datetime(2026, 11, 2, 10, 9, 24, 601544, UTC)),
        ("2026-11-02 10:09:24", datetime(2026, 11, 2, 10, 9, 24, tzinfo=UTC)),
        ("2026-11-02 12:09:24.6 +0200 UTC", datetime(2026, 11, 2, 10, 9, 24, 600000, UTC)),
        ("soon", NOW),
        (None, NOW),
        ("2026-99-99T10:09:24Z", NOW),
    ],
)
def test_every_form_of_time_is_read(text: object, expected: datetime) -> None:
    assert moment(text, NOW) == expected


@pytest.mark.parametrize(
    ("word", "ours"),
    [
        ("critical", "CRITICAL"),
        ("WARN", "MEDIUM"),
        ("ACK", "INFO"),
        (None, "INFO"),
        ("ERROR", "HIGH"),
    ],
)
def test_every_severity_becomes_one_of_ours(word: str | None, ours: str) -> None:
    assert severity_of(word) == ours


def test_an_asset_is_named_as_people_name_it() -> None:
    assert asset_of("skill-scanner", "/srv/claw/.codex/skills/pdf-exfil/") == ("skill", "pdf-exfil")
    assert asset_of("skill-scanner", r"C:\Users\al\.claude\skills\pdf-exfil") == (
        "skill",
        "pdf-exfil",
    )
    assert asset_of("skill-scanner", r"/skills/odd\name") == ("skill", r"odd\name")
    assert asset_of("defenseclaw-plugin-scanner", "/p/tools") == ("plugin", "tools")
    assert asset_of("mcp-scanner", "mcp://codex/notes") == ("mcp", "notes")
    assert asset_of("hook-rules", "codex:PreToolUse") == ("call", "codex:PreToolUse")
    assert asset_of("mcp-scanner", "https://mcp.example/sse") == ("mcp", "https://mcp.example/sse")
    assert asset_of("codeguard", "/src/app") == ("code", "app")


def test_what_is_no_database_is_said_without_its_path(tmp_path: Path) -> None:
    broken = tmp_path / "broken.db"
    broken.write_bytes(b"this is no database at all" * 100)
    empty = tmp_path / "empty.db"
    sqlite3.connect(empty).close()
    for path in (tmp_path / "absent.db", broken, empty):
        with pytest.raises(SourceUnreadable) as said, opened(path):
            pass
        assert str(tmp_path) not in str(said.value)
