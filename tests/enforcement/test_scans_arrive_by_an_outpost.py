"""What a gateway's scanners found is a finding also where only an outpost reads that gateway."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from approvals import clock
from approvals.models import Approval
from audit.models import EventRow
from audit.recording.actors import Actor
from enforcement.findings import automatic_requests
from enforcement.models import AskNeed, Finding, FindingStatus, Outpost, Scan
from tests.enforcement.browsing import browser
from tests.enforcement.gateways import Town, known
from tests.enforcement.outpost_device import Device

pytestmark = pytest.mark.django_db
CURSORS = "/srv/mia/.cursor/skills/log-shipper"
PIPELINE = "Dangerous data flow in command pipeline"


@pytest.fixture
def device(town: Town, olu: Actor) -> Device:
    """The outpost of edge-9, of which no file says anything."""
    known("admin2", "admin", name="Anna Admin")
    return Device().enrol(known("admin", "admin").as_actor(via="web"))


def scan(n: int = 1, worst: str = "CRITICAL", at: str = "", **other: Any) -> dict[str, Any]:
    row = {
        "id": f"scan-{n}",
        "timestamp": at or stamp(),
        "scanner": "skill-scanner",
        "target": CURSORS,
        "finding_count": 1 if worst != "INFO" else 0,
        "max_severity": worst,
    }
    joined = {"digest": d} if (d := other.pop("digest", "")) else {}
    return {"table": "scan_results", "rowid": n, "row": row | other, "scan": joined}


def finding(n: int = 1, of: int = 1, **other: Any) -> dict[str, Any]:
    row = {
        "id": f"finding-{n}",
        "scan_id": f"scan-{of}",
        "severity": "CRITICAL",
        "rule_id": "PIPELINE_TAINT_FLOW",
        "title": PIPELINE,
    }
    joined = {"scanner": "skill-scanner", "target": CURSORS, "timestamp": stamp()}
    return {"table": "scan_findings", "rowid": n, "row": row | other, "scan": joined}


def stamp(ago_s: int = 1) -> str:
    return clock.stamp(clock.now() - timedelta(seconds=ago_s))


def send(device: Device, *rows: dict[str, Any]) -> None:
    answer = device.send(rows=list(rows))
    assert answer.status_code == 200, answer.content


def test_what_is_critical_in_another_agents_folder_is_asked_about(device: Device) -> None:
    send(device, scan(), finding())
    found = Finding.objects.get()
    assert (found.instance, found.name, found.title) == ("edge-9", "log-shipper", PIPELINE)
    assert found.scan.agent == "cursor"
    opened = EventRow.objects.get(action="finding.opened")
    assert (opened.instance, opened.agent) == ("edge-9", "cursor")
    automatic_requests.ask_due()
    asked = Approval.objects.get(verb="skill.block")
    assert asked.target_name == "log-shipper" and PIPELINE in asked.reason
    page = browser("operator", "operator").get(f"/enforcement/findings/{found.pk}/")
    assert page.status_code == 200
    assert "Cursor’s folder" in page.content.decode()


@pytest.mark.parametrize("first", [scan, finding])
def test_rows_of_one_scan_may_come_in_two_reports(
    device: Device, first: Callable[[], dict[str, Any]]
) -> None:
    send(device, first())
    send(device, scan(), finding())
    send(device, scan(), finding(2, title="Reads keys", severity="HIGH"))
    only = Scan.objects.get()
    assert (only.severity, only.findings, only.ask) == ("CRITICAL", 2, AskNeed.DUE)
    assert sorted(Finding.objects.values_list("title", flat=True)) == [PIPELINE, "Reads keys"]
    assert EventRow.objects.filter(action="finding.opened").count() == 2


def test_a_graver_finding_that_arrives_later_is_asked_about(device: Device) -> None:
    send(device, scan(worst="HIGH"), finding(severity="HIGH"))
    assert Scan.objects.get().ask == AskNeed.NONE
    send(device, finding(2))
    assert Scan.objects.get().ask == AskNeed.DUE


def test_a_clean_scan_ends_what_an_earlier_one_found(device: Device) -> None:
    send(device, scan(), finding())
    send(device, scan(2, "INFO"))
    assert Finding.objects.get().status == FindingStatus.REPLACED


def test_what_was_found_before_the_outpost_enrolled_asks_nobody(device: Device) -> None:
    old = stamp(ago_s=3600)
    late = finding()
    late["scan"]["timestamp"] = old
    send(device, scan(at=old), late)
    assert Scan.objects.get().ask == AskNeed.NONE
    assert not EventRow.objects.filter(action="finding.opened").exists()


def test_the_same_content_is_asked_about_once(device: Device) -> None:
    send(device, scan(digest="ab" * 32), finding())
    automatic_requests.ask_due()
    Approval.objects.update(status="closed", outcome="denied", inferred=False)
    send(device, scan(2, digest="ab" * 32), finding(2, of=2))
    automatic_requests.ask_due()
    assert Scan.objects.get(scan_id="scan-2").ask == AskNeed.KNOWN
    assert Approval.objects.count() == 2  # with that of the enrolment


@pytest.mark.parametrize(
    "row",
    [
        {"target": {"$text": "ff2f736b696c6c732f00"}},
        {"target": "/"},
        {"scanner": "hook-rules", "target": "codex:PreToolUse"},
        {"scanner": "unheard-of"},
        {"finding_count": "many"},
        {"max_severity": {"$hex": "00"}},
        {"timestamp": "never"},
    ],
    ids=str,
)
def test_odd_rows_stop_no_report(device: Device, row: dict[str, Any]) -> None:
    send(device, scan(**row), scan(2))
    assert Scan.objects.filter(scan_id="scan-2").exists()


def test_a_gateway_that_the_portal_reads_itself_keeps_what_it_reads(
    town: Town, look: Callable[[], int]
) -> None:
    """That has also what is below HIGH, and where it was found."""
    known("admin2", "admin", name="Anna Admin")
    device = Device(instance="edge-1").enrol(known("admin", "admin").as_actor(via="web"))
    look()
    send(device, scan(), finding())
    assert not Scan.objects.filter(scan_id="scan-1").exists()
    assert Outpost.objects.get().next_n == 1
