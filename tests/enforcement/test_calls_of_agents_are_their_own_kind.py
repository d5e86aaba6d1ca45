"""What a rule matched in an agent's call: a finding of that call, which no other event settles."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing

import pytest
from django.urls import reverse

from approvals.pipeline.service import perform
from audit.models import EventRow, QuarantinedRow
from audit.recording.actors import Actor, Target
from enforcement.models import Finding, FindingStatus, Scan
from tests.enforcement.browsing import browser
from tests.enforcement.gateways import Edge, Town
from tests.enforcement.stored_scans import Found, store_call, store_scan

Look = Callable[[], int]

pytestmark = pytest.mark.django_db

PIPE = Found("CMD-PIPE-CURL", "CRITICAL", "curl piped to shell")


def test_it_has_agent_session_and_rule(town: Town, edge: Edge, look: Look) -> None:
    store_call(edge, "session-1", PIPE)
    assert look() == 1
    found = Finding.objects.select_related("scan").get()
    assert (found.kind, found.name, found.rule) == (
        "call",
        "claudecode:PreToolUse",
        "CMD-PIPE-CURL",
    )
    assert (found.scan.agent, found.scan.session) == ("claudecode", "session-1")
    operator = browser("operator", "operator")
    page = operator.get(reverse("enforcement-finding", args=[found.pk])).content.decode()
    assert "claudecode, session" in page and "session-1" in page
    home = operator.get("/").content.decode()
    assert reverse("enforcement-finding", args=[found.pk]) in home
    listed = operator.get("/enforcement/?kind=call").content.decode()
    assert "agent call" in listed and "curl piped to shell" in listed


def test_neither_a_clean_call_nor_another_session_replaces_it(
    town: Town, edge: Edge, look: Look
) -> None:
    store_call(edge, "session-1", PIPE)
    look()
    store_call(edge, "session-1")
    store_call(edge, "session-2")
    store_call(edge, "session-2", Found("CMD-SUDO", "LOW", "sudo"))
    look()
    open_now = Finding.objects.filter(status=FindingStatus.OPEN)
    assert set(open_now.values_list("rule", flat=True)) == {"CMD-PIPE-CURL", "CMD-SUDO"}


def test_clean_calls_are_passed_without_a_row_of_ours(town: Town, edge: Edge, look: Look) -> None:
    for number in range(20):
        store_call(edge, f"session-{number}")
    store_call(edge, "session-1", PIPE)
    assert look() == 1
    assert Scan.objects.count() == 1


@pytest.mark.parametrize(
    "scanner", ["hook-rules", "asset-policy", "correlator", "inspect-http", "ai-defense"]
)
def test_a_critical_one_asks_nobody_and_sets_no_row_aside(
    town: Town, edge: Edge, look: Look, scanner: str
) -> None:
    store_scan(edge, scanner, "codex:PreToolUse", PIPE)
    look()
    assert list(Scan.objects.values_list("kind", "ask")) == [("call", "none")]
    assert not QuarantinedRow.objects.exists()
    assert EventRow.objects.filter(action="finding.opened").count() == 1


def test_it_is_disposed_of_as_an_alert_of_defenseclaw(
    town: Town, edge: Edge, look: Look, olu: Actor, do_due: Callable[[], None]
) -> None:
    store_call(edge, "session-1", PIPE)
    alert = edge.scan("pdf-exfil", "HIGH")  # its alert stands for that of the call
    ((row,),) = edge.rows("SELECT id FROM scan_findings WHERE rule_id = 'CMD-PIPE-CURL'")
    with closing(sqlite3.connect(edge.database, timeout=10)) as connection, connection:
        connection.execute(
            "UPDATE audit_events SET finding_id = ? WHERE id = (SELECT a.id FROM audit_events a "
            "JOIN scan_findings f ON f.id = a.finding_id WHERE f.scan_id = ? LIMIT 1)",
            (row, alert),
        )
    look()
    found = Finding.objects.get(rule="CMD-PIPE-CURL")
    perform(olu, "alert.acknowledge", Target("alert", found.finding_id, "edge-1"), reason="")
    do_due()
    found.refresh_from_db()
    assert found.status == FindingStatus.ACKNOWLEDGED
    alerts = edge.rows("SELECT alert_id, disposition FROM alert_acknowledgement_projection")
    assert alerts == [(found.alert_id, "acknowledged")]
