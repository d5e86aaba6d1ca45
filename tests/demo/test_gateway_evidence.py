"""Rows reported to the demo gateway, alerts, dispositions, scans and notifications."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from demo import finding
from demo.defenseclaw.webhook import Notifier
from tests.demo.gateway_client import GOOD, Running, running

CLI = "/api/v1/observability/cli"
ACTIVITY: dict[str, Any] = {
    "actor": "operator:auth0/65f0aa11",
    "action": "skill-block",
    "target_type": "skill",
    "target_id": "pdf-exfil",
    "after": {"install": "block", "approval": {"method": "ciba", "id": "appr-1"}},
    "severity": "HIGH",
}
STAGED = {"target_type": "skill", "target_name": "pdf-exfil", "severity": "CRITICAL"}


def test_an_activity_is_stored_with_the_actor_it_names(gateway: Running) -> None:
    headers = {**GOOD, "X-DefenseClaw-Request-Id": "effect-9"}
    answer = gateway.call("POST", CLI, {"kind": "activity", "activity": ACTIVITY}, headers=headers)
    assert (answer.status, answer.body) == (204, b"")
    (row,) = gateway.rows("SELECT * FROM audit_events")
    assert (row["action"], row["actor"]) == ("skill-block", "operator:auth0/65f0aa11")
    assert (row["target"], row["severity"]) == ("skill:pdf-exfil", "HIGH")
    assert row["request_id"] == "effect-9"
    assert json.loads(row["details"])["after"] == ACTIVITY["after"]


def test_a_policy_change_by_an_actor_with_a_bar_loses_that_actor(gateway: Running) -> None:
    change = {**ACTIVITY, "action": "policy-update", "target_type": "policy"}
    for actor in ("auth0|65f0cc33", "operator:auth0/65f0cc33"):
        body = {"kind": "activity", "activity": {**change, "actor": actor}}
        assert gateway.call("POST", CLI, body).status == 204
    lost, kept = (
        json.loads(row["payload_json"])
        for row in gateway.rows("SELECT payload_json FROM audit_events ORDER BY rowid")
    )
    assert "defenseclaw.admin.actor_ref" not in lost and "65f0cc33" not in json.dumps(lost)
    assert kept["defenseclaw.admin.principal_ref"] == "operator:auth0/65f0cc33"


@pytest.mark.parametrize(
    "raw",
    [
        json.dumps({"kind": "activity", "activity": {**ACTIVITY, "reason": "x"}}),
        json.dumps({"kind": "activity", "activity": {**ACTIVITY, "action": "skill-explode"}}),
        json.dumps({"kind": "action", "activity": ACTIVITY}),
        json.dumps({"kind": "activity", "activity": ACTIVITY, "extra": 1}),
        json.dumps({"kind": "activity", "activity": ACTIVITY, "action": {"name": "doctor"}}),
        json.dumps({"kind": "gossip", "activity": ACTIVITY}),
        json.dumps({"kind": "action", "action": {"name": "block-the-mcp", "target": "x"}}),
        '{"kind":"action","kind":"action","action":{"name":"doctor"}}',
        '{"kind":"action","action":{"name":"doctor"}} {}',
        '["kind"]',
        "",
    ],
)
def test_a_hand_over_that_is_not_exact_is_400_and_stores_nothing(
    gateway: Running, raw: str
) -> None:
    answer = gateway.call("POST", CLI, raw=raw.encode())
    assert answer.status == 400
    assert answer.json == {"error": "invalid canonical observability request"}
    assert gateway.actions() == []


def test_an_action_from_the_command_line_has_the_actor_cli(gateway: Running) -> None:
    action = {"name": "block-mcp", "target": "shell-mcp", "details": "reason=unreviewed"}
    body = {"kind": "action", "run_id": "cli-run-1", "action": action}
    assert gateway.call("POST", CLI, body).status == 204
    (row,) = gateway.rows("SELECT * FROM audit_events")
    assert (row["actor"], row["source"], row["run_id"]) == ("cli", "cli", "cli-run-1")
    assert row["event_name"] == "legacy.audit.block.mcp"


def test_an_audit_event_is_stored_as_given_and_an_unknown_action_is_not(
    gateway: Running,
) -> None:
    event = {"action": "skill-block", "actor": "auth0|65f0aa11", "target": "x", "details": "r=1"}
    assert gateway.call("POST", "/audit/event", event).json == {"status": "ok"}
    assert gateway.call("POST", "/audit/event", {**event, "action": "nope"}).status == 500
    assert gateway.call("POST", "/audit/event", {"actor": "x"}).status == 400
    (row,) = gateway.rows("SELECT * FROM audit_events")
    assert (row["actor"], row["severity"]) == ("auth0|65f0aa11", "INFO")


def test_a_staged_scan_leaves_a_scan_its_findings_and_their_rows(gateway: Running) -> None:
    headers = {**GOOD, "X-DefenseClaw-Request-Id": "stage-1"}
    answer = gateway.call("POST", "/demo/scan", STAGED, headers=headers).json
    (scan,) = gateway.rows("SELECT * FROM scan_results")
    found = gateway.rows("SELECT * FROM scan_findings")
    assert scan["id"] == answer["scan_id"] and scan["max_severity"] == "CRITICAL"
    assert scan["target"].endswith("/skills/pdf-exfil") and scan["verdict"] == "block"
    assert len(found) == scan["finding_count"] == sum(answer["findings_count_by_severity"].values())
    assert "CRITICAL" in {row["severity"] for row in found}
    assert gateway.actions() == ["scan-finding"] * len(found) + ["scan"]
    assert {row["request_id"] for row in gateway.rows("SELECT * FROM audit_events")} == {"stage-1"}


@pytest.mark.parametrize(
    "change",
    [{"severity": "TERRIBLE"}, {"target_type": "tool"}, {"target_name": ""}, {"severity": 5}],
)
def test_a_staged_scan_must_be_well_formed(gateway: Running, change: dict[str, object]) -> None:
    assert gateway.call("POST", "/demo/scan", {**STAGED, **change}).status == 400
    assert gateway.actions() == []


def test_scanning_a_known_asset_finds_the_same_each_time_and_an_unknown_one_is_clean(
    gateway: Running,
) -> None:
    target = {"target": "/srv/claw/.codex/skills/crypto-miner", "name": "crypto-miner"}
    first, second = (gateway.call("POST", "/v1/skill/scan", target).json for _ in range(2))
    assert first["verdict"] == "CRITICAL"
    assert first["findings_count_by_severity"] == second["findings_count_by_severity"]
    assert first["scan_id"] != second["scan_id"]
    clean = gateway.call("POST", "/v1/plugin/scan", {"target": "/x/never-heard-of"}).json
    assert clean["result"]["findings"] == []
    assert gateway.actions()[0] == "api-skill-scan"
    assert gateway.call("POST", "/v1/mcp/scan", {}).status == 400


def test_a_reported_scan_is_stored(gateway: Running) -> None:
    found = {"id": "f1", "severity": "HIGH", "title": "Reads credential files", "tags": ["a"]}
    report = {"scanner": "mcp-scanner", "target": "shell-mcp", "findings": [found]}
    assert gateway.call("POST", "/scan/result", report).json == {"status": "ok"}
    (scan,) = gateway.rows("SELECT * FROM scan_results")
    assert (scan["target"], scan["max_severity"]) == ("shell-mcp", "HIGH")
    assert gateway.call("POST", "/scan/result", {"scanner": "mcp-scanner"}).status == 400


def _identity(gateway: Running) -> str:
    material = (
        b"defenseclaw.alert-disposition.audit-db.v1\0" + str(gateway.database.resolve()).encode()
    )
    return "sha256:v1:" + hashlib.sha256(material).hexdigest()


def test_an_alert_is_acknowledged_after_a_preview_and_is_then_gone(gateway: Running) -> None:
    assert gateway.call("GET", "/alerts").json is None
    gateway.call("POST", "/demo/scan", STAGED)
    alert = gateway.call("GET", "/alerts?limit=500").json[0]["id"]
    command = {
        "operation_id": "op-1",
        "audit_db_identity": _identity(gateway),
        "disposition": "acknowledged",
        "selector": {"ids": [alert]},
    }
    path = "/api/v1/alerts/disposition"
    preview = gateway.call("POST", path, {**command, "preview": True}).json
    assert preview["targets"] == [{"id": alert, "projection_version": 0}]
    wrong = "sha256:v1:" + "0" * 64
    drift = gateway.call("POST", path, {**command, "selection_digest": wrong})
    assert (drift.status, drift.json["drift"]) == (409, True)
    done = gateway.call("POST", path, {**command, "selection_digest": preview["selection_digest"]})
    assert (done.status, done.json["applied"]) == (200, 1)
    (operation,) = gateway.rows("SELECT * FROM alert_acknowledgement_operations")
    assert (operation["alert_id"], operation["actor"]) == (alert, "cli:operator")
    remaining = gateway.call("GET", "/alerts").json or []
    assert alert not in {event["id"] for event in remaining}
    assert "alert.acknowledgement.requested" in gateway.actions()
    assert "1 acknowledged" in gateway.call("GET", "/", headers={}).body.decode()


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"audit_db_identity": "sha256:v1:" + "1" * 64}, 409),
        ({"selector": {"ids": ["no-such-alert"]}}, 409),
        ({"disposition": "forgotten"}, 400),
        ({"unknown": 1}, 400),
        ({"selector": {"ids": ["a"], "severity": "HIGH"}}, 400),
        ({"selection_digest": "sha256:v1:" + "0" * 64}, 400),
    ],
)
def test_a_disposition_that_does_not_fit_changes_nothing(
    gateway: Running, change: dict[str, object], status: int
) -> None:
    command = {
        "operation_id": "op-1",
        "audit_db_identity": _identity(gateway),
        "disposition": "dismissed",
        "selector": {},
        "preview": True,
    }
    answer = gateway.call("POST", "/api/v1/alerts/disposition", {**command, **change})
    assert answer.status == status
    assert gateway.actions() == []


@pytest.mark.parametrize("limit", ["0", "-1", "many"])
def test_a_wrong_alert_limit_is_400(gateway: Running, limit: str) -> None:
    answer = gateway.call("GET", f"/alerts?limit={limit}")
    assert answer.json == {"error": "limit must be a positive integer"}


def test_the_inventories_name_assets_and_no_secret(gateway: Running) -> None:
    servers = {entry["name"]: entry for entry in gateway.call("GET", "/mcps").json}
    assert len(servers) == 15 and "env" not in servers["github-mcp"]
    assert len(gateway.call("GET", "/skills").json["skills"]) == 40
    assert gateway.call("GET", "/tools/catalog").json["groups"][0]["tools"]


@contextmanager
def _receiver(*statuses: int) -> Iterator[tuple[str, list[tuple[dict[str, str], bytes]]]]:
    """Run a webhook receiver that answers with ``statuses`` in turn, the last one for ever."""
    got: list[tuple[dict[str, str], bytes]] = []

    class Receiver(BaseHTTPRequestHandler):
        disable_nagle_algorithm = True  # headers and body leave in two parts (RFC 896)

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            got.append((dict(self.headers), body))
            self.send_response(statuses[min(len(got), len(statuses)) - 1])
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            return

    server = HTTPServer(("127.0.0.1", 0), Receiver)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/hook", got
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_bad_scan_sends_one_signed_notification_and_a_block_sends_none(tmp_path: Path) -> None:
    arrived = threading.Event()
    with _receiver(200) as (url, got):
        notifier = Notifier(url, b"s3cret", report=lambda _line: arrived.set())
        with running(tmp_path, notifier=notifier) as gateway:
            gateway.call("POST", "/enforce/block", {"target_type": "skill", "target_name": "x"})
            gateway.call("POST", "/demo/scan", {**STAGED, "severity": "LOW"})
            gateway.call("POST", "/demo/scan", STAGED)
            assert arrived.wait(20)
    ((headers, body),) = got
    expected = hmac.new(b"s3cret", body, hashlib.sha256).hexdigest()
    assert headers["X-Hub-Signature-256"] == f"sha256={expected}"
    event = json.loads(body)["event"]
    assert json.loads(body)["webhook_type"] == "defenseclaw_enforcement"
    assert (event["severity"], event["actor"]) == ("CRITICAL", "defenseclaw-rescan")
    assert event["target"].endswith("pdf-exfil") and event["id"]


def test_a_notification_is_sent_again_on_5xx_but_not_on_4xx() -> None:
    with _receiver(503, 503, 200) as (url, got):
        assert Notifier(url, b"", backoff_s=0, report=lambda _: None).send(b"{}") is True
        assert len(got) == 3
        assert all("X-Hub-Signature-256" not in headers for headers, _body in got)
    with _receiver(401) as (url, got):
        assert Notifier(url, b"k", backoff_s=0, report=lambda _: None).send(b"{}") is False
        assert len(got) == 1
    with _receiver(500) as (url, got):
        assert Notifier(url, b"k", backoff_s=0, report=lambda _: None).send(b"{}") is False
        assert len(got) == 4


def test_the_finding_command_writes_to_the_database_or_asks_the_gateway(
    gateway: Running, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = str(gateway.database.parent.parent)
    assert finding.main(["--data", data, "--skill", "pdf-exfil"]) == 0
    token = tmp_path / "token"
    token.write_text(GOOD["Authorization"].removeprefix("Bearer ") + "\n")
    url = f"http://127.0.0.1:{gateway.port}"
    asked = ["--url", url, "--token-file", str(token), "--mcp", "shell-mcp", "--severity", "HIGH"]
    assert finding.main(asked) == 0
    scans = gateway.rows("SELECT target, max_severity FROM scan_results ORDER BY rowid")
    assert [(row["target"].rpartition("/")[2], row["max_severity"]) for row in scans] == [
        ("pdf-exfil", "CRITICAL"),
        ("shell-mcp", "HIGH"),
    ]
    assert "DEMO scan" in capsys.readouterr().out
    assert finding.main(["--data", data, "--name", "edge-9", "--skill", "x"]) == 1
    assert "start demo.gateway first" in capsys.readouterr().err
