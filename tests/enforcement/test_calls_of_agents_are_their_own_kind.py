"""What a rule matched in an agent's call: a finding of that call, which no other event settles."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.urls import reverse

from audit.models import EventRow, QuarantinedRow
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


@pytest.mark.parametrize("scanner", ["hook-rules", "asset-policy", "correlator", "inspect-http"])
def test_a_critical_one_asks_nobody_and_sets_no_row_aside(
    town: Town, edge: Edge, look: Look, scanner: str
) -> None:
    store_scan(edge, scanner, "codex:PreToolUse", PIPE)
    look()
    assert list(Scan.objects.values_list("kind", "ask")) == [("call", "none")]
    assert not QuarantinedRow.objects.exists()
    assert EventRow.objects.filter(action="finding.opened").count() == 1
