"""Block, unblock, allow and their lists over real HTTP, and the rows they leave."""

from __future__ import annotations

import hashlib
import hmac
import json
from pathlib import Path

import pytest

from demo import sample
from tests.demo.gateway_client import GOOD, Running, running

SKILL = {"target_type": "skill", "target_name": "pdf-exfil"}


def _names(gateway: Running, listed: str) -> list[tuple[str, str, str]]:
    entries = gateway.call("GET", f"/enforce/{listed}").json
    assert all(
        set(entry) == {"id", "target_type", "target_name", "reason", "updated_at"}
        for entry in entries
    )
    return [(e["target_type"], e["target_name"], e["reason"]) for e in entries]


def test_a_block_is_listed_with_its_reason_until_it_is_lifted(gateway: Running) -> None:
    assert gateway.call("GET", "/enforce/blocked").json == []
    answer = gateway.call("POST", "/enforce/block", {**SKILL, "reason": "reads secrets"})
    assert answer.json == {"status": "blocked"}
    assert _names(gateway, "blocked") == [("skill", "pdf-exfil", "reads secrets")]
    assert gateway.call("DELETE", "/enforce/block", SKILL).json == {"status": "unblocked"}
    assert _names(gateway, "blocked") == []
    assert gateway.rows("SELECT * FROM actions") == []


def test_a_second_block_replaces_the_reason_and_makes_no_second_row(gateway: Running) -> None:
    gateway.call("POST", "/enforce/block", {**SKILL, "reason": "ATA hold a1 until 12:00"})
    gateway.call("POST", "/enforce/block", {**SKILL, "reason": "confirmed"})
    assert _names(gateway, "blocked") == [("skill", "pdf-exfil", "confirmed")]


def test_allow_ends_a_block_a_quarantine_and_a_runtime_disable(gateway: Running) -> None:
    gateway.call("POST", "/enforce/block", SKILL)
    gateway.call("POST", "/skill/disable", {"skillKey": "pdf-exfil"})
    answer = gateway.call("POST", "/enforce/allow", {**SKILL, "reason": "vetted"})
    assert answer.json == {"status": "allowed"}
    assert _names(gateway, "blocked") == []
    assert _names(gateway, "allowed") == [("skill", "pdf-exfil", "vetted")]
    (row,) = gateway.rows("SELECT actions_json FROM actions")
    assert json.loads(row["actions_json"]) == {"install": "allow"}


def test_lifting_a_block_keeps_a_runtime_disable(gateway: Running) -> None:
    gateway.call("POST", "/skill/disable", {"skillKey": "pdf-exfil"})
    gateway.call("POST", "/enforce/block", SKILL)
    gateway.call("DELETE", "/enforce/block", SKILL)
    (row,) = gateway.rows("SELECT actions_json FROM actions")
    assert json.loads(row["actions_json"]) == {"runtime": "disable"}


def test_the_callers_request_id_comes_back_and_joins_the_audit_row(gateway: Running) -> None:
    wanted = {
        ("POST", "/enforce/block"): "api-enforce-block",
        ("DELETE", "/enforce/block"): "api-enforce-unblock",
        ("POST", "/enforce/allow"): "api-enforce-allow",
    }
    for number, ((method, path), action) in enumerate(wanted.items()):
        mine = f"effect-{number}"
        headers = {**GOOD, "X-DefenseClaw-Request-Id": mine}
        answer = gateway.call(method, path, {**SKILL, "reason": "r"}, headers=headers)
        assert answer.headers["X-DefenseClaw-Request-Id"] == mine
        (row,) = gateway.rows("SELECT * FROM audit_events WHERE request_id = ?", mine)
        assert (row["action"], row["target"]) == (action, "pdf-exfil")
        assert (row["actor"], row["severity"]) == ("defenseclaw", "INFO")
        assert row["details"].startswith("type=skill")


def test_a_request_without_an_id_gets_one(gateway: Running) -> None:
    answer = gateway.call("POST", "/enforce/block", SKILL)
    (row,) = gateway.rows("SELECT request_id FROM audit_events")
    assert row["request_id"] == answer.headers["X-DefenseClaw-Request-Id"]
    assert len(row["request_id"]) == 36


def test_a_long_reason_is_kept_in_the_state_and_cut_in_the_audit_row(gateway: Running) -> None:
    reason = "x" * 300
    gateway.call("POST", "/enforce/block", {**SKILL, "reason": reason})
    assert _names(gateway, "blocked")[0][2] == reason
    (row,) = gateway.rows("SELECT details FROM audit_events")
    assert row["details"] == f"type=skill reason={'x' * 120}..."


@pytest.mark.parametrize(
    ("raw", "error"),
    [
        (b"{", "invalid JSON body"),
        (b"[]", "invalid JSON body"),
        (b"", "invalid JSON body"),
        (b'{"target_type": 3, "target_name": "x"}', "invalid JSON body"),
        (b'{"target_type": "skill"}', "target_type and target_name are required"),
        (b'{"target_name": "x", "target_type": ""}', "target_type and target_name are required"),
        (b'{"reason":"' + b"x" * (1 << 20) + b'"}', "invalid JSON body"),
    ],
)
def test_a_wrong_body_is_400_and_changes_nothing(gateway: Running, raw: bytes, error: str) -> None:
    answer = gateway.call("POST", "/enforce/block", raw=raw)
    assert (answer.status, answer.json) == (400, {"error": error})
    assert gateway.actions() == []
    assert gateway.call("GET", "/health").status == 200


def test_state_survives_a_restart(tmp_path: Path) -> None:
    with running(tmp_path) as first:
        first.call("POST", "/enforce/block", SKILL)
    with running(tmp_path) as second:
        assert _names(second, "blocked") == [("skill", "pdf-exfil", "blocked via REST API")]


def test_a_gateway_continues_a_sampled_history_and_seals_with_its_key(tmp_path: Path) -> None:
    assert sample.main([str(tmp_path / "audit.db"), "--events", "200"]) == 0
    with running(tmp_path) as gateway:
        gateway.call("POST", "/enforce/block", SKILL)
        (row,) = gateway.rows("SELECT * FROM audit_events WHERE action = 'api-enforce-block'")
    key = (tmp_path / "redaction-correlation.key").read_bytes()
    key_id = hashlib.sha256(key).hexdigest()[:12].encode()
    raw = row["projected_record_json"].encode()
    label = b"defenseclaw-observability-projection-integrity-v1\x00hmac-sha256\x00"
    expected = hmac.new(key, label + key_id + b"\x00" + raw, hashlib.sha256).hexdigest()
    assert row["payload_hmac"] == expected


def test_the_page_tells_held_from_blocked_and_escapes_what_it_shows(gateway: Running) -> None:
    hold = "ATA hold appr-7 until 2026-11-24T15:05:00Z"
    gateway.call("POST", "/enforce/block", {**SKILL, "reason": hold})
    evil = {"target_type": "mcp", "target_name": "<script>x</script>", "reason": "<b>r</b>"}
    gateway.call("POST", "/enforce/block", evil)
    gateway.call("POST", "/enforce/allow", {"target_type": "plugin", "target_name": "theme-pack"})
    page = gateway.call("GET", "/", headers={}).body.decode()
    assert "DEMO" in page
    held, _, rest = page.partition("<h2>Blocked")
    assert "pdf-exfil" in held and "held until 2026-11-24T15:05:00Z, approval appr-7" in held
    assert "&lt;script&gt;x&lt;/script&gt;" in rest and "<script>" not in page
    assert "&lt;b&gt;r&lt;/b&gt;" in rest and "theme-pack" in rest


@pytest.mark.parametrize(
    ("kind", "severity", "findings", "verdict"),
    [
        ("skill", "CRITICAL", 2, "rejected"),
        ("skill", "HIGH", 1, "rejected"),
        ("skill", "MEDIUM", 1, "warning"),
        ("mcp", "MEDIUM", 1, "rejected"),
        ("mcp", "LOW", 1, "rejected"),
        ("plugin", "LOW", 1, "warning"),
        ("skill", "INFO", 0, "clean"),
    ],
)
def test_the_admission_preview_follows_the_severity_matrix(
    gateway: Running, kind: str, severity: str, findings: int, verdict: str
) -> None:
    result = {"max_severity": severity, "total_findings": findings}
    given = {"target_type": kind, "target_name": "x", "scan_result": result}
    answer = gateway.call("POST", "/policy/evaluate", {"domain": "admission", "input": given})
    assert answer.json["ok"] is True
    assert answer.json["data"]["verdict"] == verdict


def test_the_lists_outrank_the_scan_in_the_preview(gateway: Running) -> None:
    given = {"input": SKILL}
    assert gateway.call("POST", "/policy/evaluate", given).json["data"]["verdict"] == "scan"
    gateway.call("POST", "/enforce/allow", SKILL)
    assert gateway.call("POST", "/policy/evaluate", given).json["data"]["verdict"] == "allowed"
    gateway.call("POST", "/enforce/block", SKILL)
    assert gateway.call("POST", "/policy/evaluate", given).json["data"]["verdict"] == "blocked"
    assert gateway.call("POST", "/policy/evaluate", {"domain": "x"}).status == 400
