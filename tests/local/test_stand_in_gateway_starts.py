"""What a stand-in gateway does before anybody asks it for a decision."""

from __future__ import annotations

import json
import sqlite3
import stat
from pathlib import Path

from audit.importing.defenseclaw_seals import VERIFIED, Key, mismatches, status
from tests.local.stand_in_gateway import Running


def test_health_answers_without_a_token_and_status_only_with_one(gateway: Running) -> None:
    assert gateway.get("/health")[0] == 200
    if gateway.generation == "0.2.0":
        assert gateway.get("/status")[0] == 200
        assert not (gateway.home / ".defenseclaw" / ".env").exists()
        return
    assert gateway.get("/status")[0] == 401
    assert gateway.get("/status", gateway.token)[0] == 200


def test_the_token_file_is_readable_by_its_user_only(gateway: Running) -> None:
    path = gateway.home / ".defenseclaw" / ".env"
    if gateway.generation == "0.2.0":
        assert not path.exists()
        return
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_it_listens_on_loopback_only(gateway: Running) -> None:
    listening = {
        fields[1]
        for table in ("/proc/net/tcp", "/proc/net/tcp6")
        for fields in map(str.split, Path(table).read_text().splitlines()[1:])
        if fields[3] == "0A" and fields[1].endswith(f":{gateway.port:04X}")
    }
    assert listening == {f"0100007F:{gateway.port:04X}"}


def test_the_command_line_works_on_the_same_entries(gateway: Running) -> None:
    outcome = gateway.command("tool", "block", "Bash", "--reason", "test")
    assert outcome.returncode == 0, outcome.stderr
    listed = gateway.get("/enforce/blocked", gateway.token)[1]
    assert isinstance(listed, list)
    assert [(e["target_type"], e["target_name"], e["reason"]) for e in listed] == [
        ("tool", "Bash", "test")
    ]


def test_an_orderly_stop_leaves_one_database_file_with_rows_sealed_at_head(
    gateway: Running,
) -> None:
    gateway.command("tool", "block", "Bash")
    gateway.process.terminate()
    assert gateway.process.wait(10) == 0
    data = gateway.home / ".defenseclaw"
    assert not list(data.glob("audit.db-*"))
    connection = sqlite3.connect(data / "audit.db")
    connection.row_factory = sqlite3.Row
    rows = [dict(row) for row in connection.execute("SELECT * FROM audit_events")]
    connection.close()
    assert {"sidecar-start", "tool-block", "sidecar-stop"} <= {row["action"] for row in rows}
    if gateway.generation == "head":
        key = Key.of((data / "redaction-correlation.key").read_bytes())
        assert {status(row, key) for row in rows} == {VERIFIED}
        records = [json.loads(row["projected_record_json"]) for row in rows]
        assert [mismatches(row, record) for row, record in zip(rows, records, strict=True)] == [
            [] for _ in rows
        ]
