"""Who the demo gateway lets in: tokens, CSRF rules, and the rows that refusals leave."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.demo.gateway_client import GOOD, TOKEN, Running, running

BLOCK = {"target_type": "skill", "target_name": "pdf-exfil", "reason": "known malicious"}
NO_TOKEN = {key: value for key, value in GOOD.items() if key != "Authorization"}


@pytest.mark.parametrize(
    "given",
    [
        {"Authorization": f"Bearer {TOKEN}"},
        {"X-DefenseClaw-Token": TOKEN},
        {"X-DC-Auth": f"Bearer {TOKEN}"},
    ],
)
def test_each_of_the_three_token_headers_is_accepted(
    gateway: Running, given: dict[str, str]
) -> None:
    assert gateway.call("GET", "/status", headers=given).status == 200


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"Authorization": "Bearer wrong"},
        {"Authorization": TOKEN},
        {"Authorization": f"Basic {TOKEN}"},
        {"X-DC-Auth": TOKEN},
        {"X-DefenseClaw-Token": TOKEN + "x"},
    ],
)
def test_a_missing_or_wrong_token_is_401_and_leaves_an_audit_row(
    gateway: Running, given: dict[str, str]
) -> None:
    answer = gateway.call("GET", "/enforce/blocked", headers=given)
    assert (answer.status, answer.json) == (401, {"error": "unauthorized"})
    (row,) = gateway.rows("SELECT * FROM audit_events")
    assert (row["action"], row["event_name"]) == ("api-auth-failure", "authentication.failed")
    assert row["severity"] == "MEDIUM"
    assert row["request_id"] == answer.headers["X-DefenseClaw-Request-Id"]
    assert TOKEN not in str(tuple(row))


def test_health_and_the_page_need_no_token(gateway: Running) -> None:
    health = gateway.call("GET", "/health", headers={})
    assert health.status == 200
    assert health.json["provenance"]["binary_version"] == "0.8.10"
    assert "DEMO" in health.json["label"]
    page = gateway.call("GET", "/", headers={})
    assert page.status == 200
    assert page.headers["Content-Type"].startswith("text/html")


def test_health_is_open_to_get_only(gateway: Running) -> None:
    assert gateway.call("POST", "/health", {}, headers=NO_TOKEN).status == 401


def test_without_a_configured_token_everything_but_health_is_503(tmp_path: Path) -> None:
    with running(tmp_path, token="") as closed:
        answer = closed.call("GET", "/status")
        assert answer.status == 503
        assert answer.json == {"error": "sidecar misconfigured: no gateway token"}
        assert closed.call("GET", "/health").status == 200


@pytest.mark.parametrize(
    ("change", "status", "error"),
    [
        ({"X-DefenseClaw-Client": ""}, 403, "missing X-DefenseClaw-Client header"),
        ({"Content-Type": "text/plain"}, 415, "Content-Type must be application/json"),
        ({"Content-Type": ""}, 415, "Content-Type must be application/json"),
        ({"Origin": "https://evil.example"}, 403, "non-localhost Origin rejected"),
        ({"Origin": "http://localhost.evil.example"}, 403, "non-localhost Origin rejected"),
        ({"Origin": "null"}, 403, "non-localhost Origin rejected"),
        ({"Sec-Fetch-Site": "cross-site"}, 403, "cross-site request rejected"),
        ({"Sec-Fetch-Site": "same-site"}, 403, "cross-site request rejected"),
    ],
)
def test_a_call_that_breaks_a_csrf_rule_changes_nothing(
    gateway: Running, change: dict[str, str], status: int, error: str
) -> None:
    for method in ("POST", "DELETE"):
        answer = gateway.call(method, "/enforce/block", BLOCK, headers={**GOOD, **change})
        assert (answer.status, answer.json) == (status, {"error": error})
    assert gateway.rows("SELECT * FROM actions") == []
    assert gateway.actions() == ["api-auth-failure", "api-auth-failure"]


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"Content-Type": "application/json; charset=utf-8"},
        {"Origin": "http://localhost:8000"},
        {"Origin": "http://127.0.0.1"},
        {"Origin": "http://[::1]:9"},
        {"Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "none"},
    ],
)
def test_a_call_that_keeps_the_csrf_rules_comes_through(
    gateway: Running, change: dict[str, str]
) -> None:
    answer = gateway.call("POST", "/enforce/block", BLOCK, headers={**GOOD, **change})
    assert (answer.status, answer.json) == (200, {"status": "blocked"})


def test_the_token_is_asked_for_before_the_csrf_rules(gateway: Running) -> None:
    answer = gateway.call("POST", "/enforce/block", BLOCK, headers={"Content-Type": "text/plain"})
    assert answer.status == 401


def test_reading_needs_no_csrf_header(gateway: Running) -> None:
    headers = {"Authorization": f"Bearer {TOKEN}", "Origin": "https://elsewhere.example"}
    assert gateway.call("GET", "/enforce/blocked", headers=headers).status == 200


def test_unknown_paths_and_methods_are_named(gateway: Running) -> None:
    assert gateway.call("GET", "/nowhere").status == 404
    assert gateway.call("GET", "/enforce/allow").status == 405
    assert gateway.call("PUT", "/enforce/block", BLOCK).status == 405
    assert gateway.call("GET", "/nowhere", headers={}).status == 401


def test_the_page_does_not_answer_to_a_foreign_host_name(gateway: Running) -> None:
    assert gateway.call("GET", "/", headers={"Host": "rebound.example"}).status == 403
    assert gateway.call("GET", "/", headers={"Host": f"localhost:{gateway.port}"}).status == 200
