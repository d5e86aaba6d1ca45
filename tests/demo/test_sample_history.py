"""The invented month: shapes of three generations, seals, exact counts, repeatability."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import date
from pathlib import Path

import pytest

from demo import sample_gateway_database
from demo.store.schema import EVIDENCE_TABLES, Generation

UNTIL = "2026-11-24T15:00:00"
# Written out again from the schema facts, so that a slip in the module under test shows.
AUDIT_COLUMNS: dict[Generation, str] = {
    0: "id timestamp action target actor details severity",
    7: "id timestamp action target actor details structured_json severity run_id connector "
    "step_idx enforced rule_pack_dir",
    8: "id timestamp action target actor details structured_json severity run_id trace_id "
    "request_id session_id agent_name agent_instance_id policy_id destination_app tool_name "
    "tool_id schema_version content_hash generation binary_version agent_id "
    "sidecar_instance_id connector step_idx enforced rule_pack_dir bucket event_name source "
    "signal bucket_catalog_version payload_json projected_record_json record_schema_version "
    "projection_hash redaction_profile mandatory turn_id evaluation_id scan_id finding_id "
    "enforcement_action_id payload_hmac integrity_algorithm integrity_key_id "
    "retention_timestamp_unix_nano",
}
TABLE_COUNTS: dict[Generation, dict[str, int]] = {
    0: {"actions": 7, "audit_events": 7, "findings": 9, "scan_results": 8},
    7: {
        "actions": 8,
        "activity_events": 21,
        "audit_events": 13,
        "findings": 9,
        "network_egress_events": 12,
        "scan_results": 9,
        "sink_health": 16,
        "target_snapshots": 9,
    },
    8: {
        "actions": 13,
        "activity_events": 22,
        "alert_acknowledgement_baselines": 10,
        "alert_acknowledgement_health": 4,
        "alert_acknowledgement_operations": 13,
        "alert_acknowledgement_projection": 8,
        "audit_events": 48,
        "findings": 17,
        "network_egress_events": 27,
        "scan_findings": 34,
        "scan_results": 24,
        "schema_version": 2,
        "sink_health": 17,
        "target_snapshots": 14,
    },
}
TIME_FORMS: dict[Generation, str] = {
    0: r"\d{4}-\d\d-\d\d( \d\d:\d\d:\d\d|T\d\d:\d\d:\d\d\.\d{6}\+00:00)",
    7: r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00",
    8: r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z",
}


def _write(folder: Path, generation: Generation = 8, events: int = 600, seed: int = 7) -> Path:
    path = folder / "audit.db"
    arguments = [str(path), "--events", str(events), "--seed", str(seed), "--until", UNTIL]
    assert sample_gateway_database.main([*arguments, "--generation", str(generation)]) == 0
    return path


@contextmanager
def _reading(path: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        connection.row_factory = sqlite3.Row
        yield connection


def _names(connection: sqlite3.Connection, table: str) -> list[str]:
    return [row["name"] for row in connection.execute(f"PRAGMA table_info({table})")]


@pytest.mark.parametrize("generation", [0, 7, 8])
def test_each_generation_has_exactly_its_tables_and_columns(
    tmp_path: Path, generation: Generation
) -> None:
    with _reading(_write(tmp_path, generation, events=60)) as connection:
        tables = [
            row[0]
            for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        ]
        counts = {table: len(_names(connection, table)) for table in tables}
        assert counts == TABLE_COUNTS[generation]
        assert _names(connection, "audit_events") == AUDIT_COLUMNS[generation].split()


@pytest.mark.parametrize("generation", [0, 7, 8])
def test_the_number_of_evidence_rows_is_exact(tmp_path: Path, generation: Generation) -> None:
    with _reading(_write(tmp_path, generation, events=777)) as connection:
        held = [table for table in EVIDENCE_TABLES if _names(connection, table)]
        rows = sum(
            connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in held
        )
        assert rows == 777


@pytest.mark.parametrize("generation", [0, 7, 8])
def test_every_time_stamp_has_the_form_of_its_generation(
    tmp_path: Path, generation: Generation
) -> None:
    with _reading(_write(tmp_path, generation)) as connection:
        stamps = [row[0] for row in connection.execute("SELECT timestamp FROM audit_events")]
    assert all(re.fullmatch(TIME_FORMS[generation], stamp) for stamp in stamps)
    if generation == 0:
        assert {" " in stamp for stamp in stamps} == {True, False}


def test_every_v8_record_passes_an_independent_check_of_hash_and_hmac(tmp_path: Path) -> None:
    path = _write(tmp_path)
    key = (tmp_path / "redaction-correlation.key").read_bytes()
    key_id = hashlib.sha256(key).hexdigest()[:12]
    label = b"defenseclaw-observability-projection-integrity-v1\x00hmac-sha256\x00"
    with _reading(path) as connection:
        rows = connection.execute("SELECT * FROM audit_events").fetchall()
    assert len(rows) > 400
    for row in rows:
        raw = row["projected_record_json"].encode()
        mac = hmac.new(key, label + key_id.encode() + b"\x00" + raw, hashlib.sha256)
        assert row["payload_hmac"] == mac.hexdigest()
        assert row["projection_hash"] == "sha256:" + hashlib.sha256(raw).hexdigest()
        assert row["integrity_key_id"] == key_id


def test_the_columns_of_a_v8_row_agree_with_its_record(tmp_path: Path) -> None:
    with _reading(_write(tmp_path)) as connection:
        for row in connection.execute("SELECT * FROM audit_events"):
            record = json.loads(row["projected_record_json"])
            for column, key in (
                ("id", "record_id"),
                ("timestamp", "timestamp"),
                ("action", "action"),
                ("severity", "severity"),
                ("bucket", "bucket"),
                ("event_name", "event_name"),
            ):
                assert row[column] == record[key]
            assert json.loads(row["payload_json"]) == record["body"]
            correlation = record["correlation"]
            assert row["session_id"] == correlation.get("session_id")
            assert row["request_id"] == correlation.get("request_id")


def test_the_same_seed_writes_the_same_rows_and_another_seed_does_not(tmp_path: Path) -> None:
    digests = []
    for folder, seed in (("a", 7), ("b", 7), ("c", 8)):
        with _reading(_write(tmp_path / folder, events=300, seed=seed)) as connection:
            rows = connection.execute("SELECT * FROM audit_events ORDER BY rowid").fetchall()
            digests.append(hashlib.sha256(repr([tuple(row) for row in rows]).encode()).hexdigest())
    assert digests[0] == digests[1] != digests[2]


def test_no_person_is_named_as_the_actor_of_an_operator_decision(tmp_path: Path) -> None:
    decisions = ("skill-block", "skill-allow", "block-mcp", "allow-mcp", "plugin-block")
    expected: dict[Generation, str] = {8: "cli", 7: "defenseclaw", 0: "defenseclaw"}
    for generation, actor in expected.items():
        path = _write(tmp_path / str(generation), generation)
        with _reading(path) as connection:
            actors = connection.execute(
                f"SELECT DISTINCT actor FROM audit_events WHERE action IN {decisions}"
            ).fetchall()
        assert [row[0] for row in actors] == [actor]


def test_one_weekday_stands_out_and_weekends_are_quiet(tmp_path: Path) -> None:
    with _reading(_write(tmp_path, events=2000)) as connection:
        per_day = Counter(
            row[0][:10] for row in connection.execute("SELECT timestamp FROM audit_events")
        )
    (worst, most), (_, second) = per_day.most_common(2)
    assert most > 2 * second
    assert date.fromisoformat(worst).weekday() < 5
    weekend = [n for day, n in per_day.items() if date.fromisoformat(day).weekday() >= 5]
    weekday = [n for day, n in per_day.items() if date.fromisoformat(day).weekday() < 5]
    assert sum(weekend) / len(weekend) < 0.5 * sum(weekday) / len(weekday)


def test_generation_7_loses_the_severity_of_acknowledged_alerts(tmp_path: Path) -> None:
    with _reading(_write(tmp_path, 7, events=2000)) as connection:
        lost = connection.execute(
            "SELECT count(*) FROM audit_events WHERE severity = 'ACK'"
        ).fetchone()[0]
    assert lost > 0


def test_acknowledgement_operations_cannot_be_changed_or_deleted(tmp_path: Path) -> None:
    path = _write(tmp_path, events=2000)
    with closing(sqlite3.connect(path)) as connection:
        table = "alert_acknowledgement_operations"
        assert connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] > 0
        for sql in (f"UPDATE {table} SET actor = 'x'", f"DELETE FROM {table}"):
            with pytest.raises(sqlite3.IntegrityError, match="immutable"):
                connection.execute(sql)


def test_every_scan_finding_belongs_to_a_scan_and_has_its_audit_row(tmp_path: Path) -> None:
    with _reading(_write(tmp_path, events=2000)) as connection:
        orphans = connection.execute(
            "SELECT count(*) FROM scan_findings f WHERE NOT EXISTS "
            "(SELECT 1 FROM scan_results s WHERE s.id = f.scan_id) OR NOT EXISTS "
            "(SELECT 1 FROM audit_events e WHERE e.finding_id = f.id AND e.scan_id = f.scan_id)"
        ).fetchone()[0]
        assert connection.execute("SELECT count(*) FROM scan_findings").fetchone()[0] > 20
        assert orphans == 0


def test_an_existing_file_is_never_overwritten(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "audit.db"
    path.write_text("mine")
    assert sample_gateway_database.main([str(path)]) == 2
    assert path.read_text() == "mine"
    assert "delete it or name another file" in capsys.readouterr().err


def test_the_key_file_is_private(tmp_path: Path) -> None:
    _write(tmp_path, events=10)
    assert (tmp_path / "redaction-correlation.key").stat().st_mode & 0o077 == 0
