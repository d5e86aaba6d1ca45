"""Scans count in the order of their rows: the time of a row is the start of its scan."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from audit.models import EventRow
from enforcement.models import Finding, FindingStatus, Scan
from tests.enforcement.gateways import Edge, Town
from tests.enforcement.stored_scans import Found, store_findings, store_scan

Look = Callable[[], int]

pytestmark = pytest.mark.django_db

SKILL = "/srv/alice/.claude/skills/pdf-exfil"


def test_a_row_that_began_before_the_one_read_last_is_read(
    town: Town, edge: Edge, look: Look
) -> None:
    store_scan(edge, "skill-scanner", "/srv/alice/.claude/skills/other")
    look()
    store_scan(edge, "skill-scanner", SKILL, Found(), started_ago=timedelta(seconds=72))
    assert look() == 1
    assert Scan.objects.get(name="pdf-exfil").severity == "CRITICAL"


def test_a_slow_scan_whose_findings_are_being_written_is_waited_for(
    town: Town, edge: Edge, look: Look
) -> None:
    scan = store_scan(
        edge,
        "skill-scanner",
        SKILL,
        started_ago=timedelta(seconds=72),
        took=timedelta(seconds=71),
        finding_count=1,
        max_severity="CRITICAL",
    )
    assert look() == 0
    store_findings(edge, scan, "skill-scanner", SKILL, Found())
    assert look() == 1
    assert Finding.objects.get().rule == "DATA-EXFIL"


@pytest.mark.parametrize("at", ["9999-12-31T23:59:59.9Z", "0001-01-01T00:00:00Z", "soon"])
def test_a_row_of_any_time_and_length_is_read(town: Town, edge: Edge, look: Look, at: str) -> None:
    store_scan(
        edge,
        "skill-scanner",
        "/x/skills/odd",
        timestamp=at,
        duration_ms=2**62,
        finding_count=1,
    )
    store_scan(edge, "skill-scanner", SKILL, Found())
    look()
    assert set(Scan.objects.values_list("name", flat=True)) == {"odd", "pdf-exfil"}


def test_the_row_that_came_last_replaces_also_when_its_scan_began_first(
    town: Town, edge: Edge, look: Look
) -> None:
    store_scan(edge, "skill-scanner", SKILL, Found())
    look()
    store_scan(edge, "skill-scanner", SKILL, started_ago=timedelta(seconds=60))
    look()
    assert Finding.objects.get().status == FindingStatus.REPLACED


def test_a_scan_that_ended_after_a_purge_is_no_history(town: Town, edge: Edge, look: Look) -> None:
    store_scan(edge, "skill-scanner", "/srv/alice/.claude/skills/other")
    look()
    edge.purge()
    store_scan(edge, "skill-scanner", SKILL, Found(), started_ago=timedelta(seconds=72))
    assert look() == 1
    assert Scan.objects.get(name="pdf-exfil").ask == "asked"


def test_severity_is_that_of_the_findings_whatever_the_verdict(
    town: Town, edge: Edge, look: Look
) -> None:
    store_scan(edge, "skill-scanner", SKILL, Found(), verdict="clean", max_severity="INFO")
    store_scan(edge, "skill-scanner", "/x/skills/quiet", verdict="block")
    look()
    assert dict(Scan.objects.values_list("name", "severity")) == {
        "pdf-exfil": "CRITICAL",
        "quiet": "INFO",
    }


def test_three_rows_of_one_scan_are_one_finding(town: Town, edge: Edge, look: Look) -> None:
    for target in ("notes", "mcp://claudecode/notes", "mcp://codex/notes"):
        store_scan(edge, "mcp-scanner", target, Found())
    look()
    open_now = Finding.objects.filter(status=FindingStatus.OPEN)
    assert list(open_now.values_list("kind", "name")) == [("mcp", "notes")]


def test_the_rows_of_cli_and_gateway_about_one_scan_are_one_event(
    town: Town, edge: Edge, look: Look
) -> None:
    for rule in ("", "DATA-EXFIL"):  # the CLI, which the gateway calls, names no rule
        store_scan(edge, "plugin-scanner", "/srv/alice/.codex/plugins/tools", Found(rule))
    look()
    assert Finding.objects.get(status=FindingStatus.OPEN).rule == "DATA-EXFIL"
    assert EventRow.objects.filter(action="finding.opened").count() == 1


def test_a_clean_scan_of_another_folder_of_that_name_replaces_nothing(
    town: Town, edge: Edge, look: Look
) -> None:
    store_scan(edge, "skill-scanner", SKILL, Found())
    store_scan(edge, "skill-scanner", "/srv/alice/.codex/skills/pdf-exfil")
    look()
    assert Finding.objects.get().status == FindingStatus.OPEN


def test_copies_in_two_folders_keep_a_finding_each_and_raise_one_event(
    town: Town, edge: Edge, look: Look
) -> None:
    copy = "/srv/alice/.codex/skills/pdf-exfil"
    for target in (SKILL, copy):
        store_scan(edge, "skill-scanner", target, Found())
    look()
    assert Finding.objects.filter(status=FindingStatus.OPEN).count() == 2
    assert EventRow.objects.filter(action="finding.opened").count() == 1
    store_scan(edge, "skill-scanner", copy)
    look()
    assert Finding.objects.filter(status=FindingStatus.OPEN).count() == 1
