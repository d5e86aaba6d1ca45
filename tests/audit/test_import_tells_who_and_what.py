"""Actors come with their provenance, targets with kind and name, outcomes in our words."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from audit import importing
from audit.importing.mapping import outcomes, severities, targets
from audit.recording.actors import Target
from audit.recording.record import record
from tests.audit import imports
from tests.audit.factories import OLU

pytestmark = pytest.mark.django_db
OPERATION = "0193f7a2-6f3e-7c51-9d2b-000000000001"


def imported(tmp_path: Path, **columns: Any) -> dict[str, Any]:
    """The event of one audit row of generation 8."""
    path = imports.empty(tmp_path / "audit.db", 8)
    imports.audit_row(path, **columns)
    importing.run(path, "edge-1")
    return imports.event(source="defenseclaw")


@pytest.mark.parametrize(
    ("columns", "provenance", "sub", "name"),
    [
        ({"actor": "auth0|65f0cc33"}, "asserted", "auth0|65f0cc33", ""),
        ({"actor": "operator:auth0/65f0aa11"}, "asserted", "auth0|65f0aa11", ""),
        ({"actor": "principal:samlp/acme/ada"}, "asserted", "samlp|acme|ada", ""),
        ({"actor": "cli:alice"}, "asserted", "", "alice"),
        ({"actor": "cli"}, "shared-token", "", "cli"),
        ({"actor": "cli:operator"}, "shared-token", "", "cli:operator"),
        ({"actor": "defenseclaw"}, "unattributed", "", ""),
        ({"actor": "defenseclaw", "source": "operator_api"}, "shared-token", "", None),
        ({"actor": "defenseclaw", "action": "guardrail-verdict"}, "system", "", "DefenseClaw"),
        ({"actor": "defenseclaw-watcher", "action": "drift"}, "system", "", "defenseclaw-watcher"),
        ({"actor": ""}, "unattributed", "", ""),
        ({"actor": "audit_logger", "action": "policy-update"}, "unattributed", "", ""),
    ],
)
def test_an_actor_carries_how_it_is_known(
    tmp_path: Path, columns: dict[str, Any], provenance: str, sub: str, name: str | None
) -> None:
    event = imported(tmp_path, **columns)
    assert event["data"]["actor_provenance"] == provenance
    assert event["actor"]["sub"] == sub
    if name is not None:
        assert event["actor"]["name"] == name
    assert event["human"] == "H0"
    assert event["via"] == "import"


@pytest.mark.parametrize(
    ("body", "sub"),
    [
        (
            {
                "defenseclaw.admin.principal_ref": "operator:auth0/p",
                "defenseclaw.admin.actor_ref": "operator:auth0/a",
                "actor": "operator:auth0/x",
            },
            "auth0|p",
        ),
        ({"defenseclaw.admin.actor_ref": "operator:auth0/a", "actor": "x"}, "auth0|a"),
        ({"actor": "operator:auth0/x"}, "auth0|x"),
    ],
)
def test_the_payload_speaks_before_the_column(
    tmp_path: Path, body: dict[str, str], sub: str
) -> None:
    event = imported(tmp_path, actor="audit_logger", payload_json=json.dumps(body))
    assert event["actor"]["sub"] == sub


def test_the_details_speak_before_the_column(tmp_path: Path) -> None:
    details = {"actor": "cli:bob", "reason": "tidy up", "before": {"mode": "observe"}}
    details["after"] = {"mode": "action"}
    event = imported(tmp_path, action="policy-update", actor="cli", details=json.dumps(details))
    assert event["actor"]["name"] == "bob"
    assert event["reason"] == "tidy up"
    assert event["changes"] == {"mode": {"before": "observe", "after": "action"}}


def own_operation(target: str) -> None:
    record(
        OLU,
        "skill.blocked",
        target=Target("skill", target, "edge-1"),
        operation=OPERATION,
    )


def test_a_row_that_has_only_the_id_of_our_operation_names_nobody(tmp_path: Path) -> None:
    own_operation("pdf-exfil")
    event = imported(tmp_path, action="api-enforce-block", request_id=OPERATION)
    assert event["data"]["actor_provenance"] == "shared-token"
    assert event["data"]["repeats"] == "id"
    assert event["operation"] == ""
    assert (event["actor"]["iss"], event["actor"]["sub"]) == ("", "")
    assert event["human"] == "H0"


def test_a_copied_request_id_on_another_target_proves_nothing(tmp_path: Path) -> None:
    own_operation("notes")
    event = imported(tmp_path, actor="cli:mallory", request_id=OPERATION)
    assert event["data"]["actor_provenance"] == "asserted"
    assert event["operation"] == ""
    assert event["actor"]["sub"] == ""


def test_a_gateway_cannot_speak_as_the_importer(tmp_path: Path) -> None:
    assert imported(tmp_path, action="row_changed")["action"] == "defenseclaw.reported_row_changed"


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("skill-block", "skill-block"),
        ("codex.notify.agent-turn-complete", "codex.notify.agent-turn-complete"),
        ("alert.dismissal.requested", "alert.dismissal.requested"),
        ("weird action/..x", "weird_action_.x"),
        ("…", "_"),
    ],
)
def test_an_action_keeps_its_name_as_far_as_names_go(
    tmp_path: Path, theirs: str, ours: str
) -> None:
    assert imported(tmp_path, action=theirs)["action"] == f"defenseclaw.{ours}"


@pytest.mark.parametrize(
    ("action", "name", "details", "expected"),
    [
        ("skill-block", "pdf-exfil", "", ("skill", "pdf-exfil")),
        ("block-mcp", "github", "", ("mcp", "github")),
        ("tool-block", "@codex/shell.exec", "", ("tool", "@codex/shell.exec")),
        ("api-enforce-block", "notes", "type=skill reason=x", ("skill", "notes")),
        ("scan", "/srv/claw/.codex/skills/notes", "", ("skill", "notes")),
        ("policy-update", "config:config.yaml", "", ("config", "config.yaml")),
        ("network-egress-blocked", "evil.example", "", ("host", "evil.example")),
        ("api-auth-failure", "sidecar-api", "reason=x", ("", "sidecar-api")),
        ("stop", "", "", ("", "")),
    ],
)
def test_a_target_has_kind_and_name(
    action: str, name: str, details: str, expected: tuple[str, str]
) -> None:
    assert targets.of_event(action, name, details, {}, {}) == expected


@pytest.mark.parametrize("scanner", ["skill-scanner", "Skill-Scanner", " SKILL\t", "\uff53kill"])
def test_a_scan_is_of_a_skill_however_its_scanner_is_spelled(scanner: str) -> None:
    assert targets.of_scan(scanner, "/opt/evil/") == ("skill", "evil")


@pytest.mark.parametrize(
    ("action", "record_", "told", "expected"),
    [
        ("quarantine", {"outcome": "quarantined"}, {}, "success"),
        ("api-auth-failure", {"outcome": "rejected"}, {}, "denied"),
        ("approval", {"outcome": "timed_out"}, {}, "expired"),
        ("deploy", {"outcome": "failed"}, {}, "failure"),
        ("deploy", {"outcome": "sideways"}, {}, "unknown"),
        ("skill-block", {}, {}, "success"),
        ("network-egress-blocked", {}, {}, "denied"),
        ("gateway-approval-denied", {}, {}, "denied"),
        ("gateway-approval-requested", {}, {}, "pending"),
        ("webhook-failed", {}, {}, "failure"),
        ("connector-hook", {}, {"action": "block"}, "denied"),
        ("connector-hook", {}, {"action": "allow"}, "success"),
    ],
)
def test_an_outcome_is_told_by_the_record_else_by_the_action(
    action: str, record_: dict[str, str], told: dict[str, str], expected: str
) -> None:
    assert outcomes.of_event(action, record_, told, "") == expected


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        *(("connector-hook", "denied"), ("asset-policy", "denied")),
        *(("guardrail-verdict", "denied"), ("skill-allow", "success")),
        *(("api-enforce-unblock", "success"), ("mcp-set", "success")),
    ],
)
def test_the_text_of_a_row_says_denied_only_where_the_gateway_decided(
    action: str, expected: str
) -> None:
    details = "connector=codex result=ok action=block reason=x"
    assert outcomes.of_event(action, {}, {}, details) == expected


@pytest.mark.parametrize(
    ("word", "code", "basis"),
    [
        ("HIGH", "HIGH", "reported"),
        ("warn", "MEDIUM", "translated"),
        ("ERROR", "HIGH", "translated"),
        ("NONE", "INFO", "translated"),
        ("", "INFO", "absent"),
        ("ACK", "INFO", "overwritten"),
        ("SPICY", "INFO", "unknown"),
    ],
)
def test_a_severity_is_one_of_ours_and_says_how(word: str, code: str, basis: str) -> None:
    assert severities.of(word) == severities.Severity(code, basis)


def test_an_egress_names_host_agent_and_user(tmp_path: Path) -> None:
    path = imports.empty(tmp_path / "audit.db", 8)
    imports.insert(
        path,
        "network_egress_events",
        id="e1",
        timestamp="2026-11-24T10:00:00Z",
        hostname="evil.example",
        policy_outcome="Denied: not in allowlist",
        blocked=1,
        severity="HIGH",
        session_id="sess-1",
        agent_id="agent-codex",
        user_id="alice",
    )
    importing.run(path, "edge-1")
    event = imports.event(action="defenseclaw.egress")
    assert event["target"]["name"] == "evil.example"
    assert (event["agent"], event["session"]) == ("agent-codex", "sess-1")
    assert event["on_behalf_of"]["name"] == "alice"
    assert event["outcome"] == "denied"


def test_what_a_row_says_is_found_but_its_technical_words_are_not(tmp_path: Path) -> None:
    from audit.ledger.query import EventQuery

    event = imported(tmp_path, details="reason=steals invoices", run_id="run-7")
    assert EventQuery.from_bar("invoices").matches(event)
    assert not EventQuery.from_bar("timestamp").matches(event)
