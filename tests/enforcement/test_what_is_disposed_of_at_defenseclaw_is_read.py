"""Alerts acknowledged or dismissed at DefenseClaw itself: shown, by nobody who is named."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from approvals.models import Approval
from audit.models import EventRow
from audit.recording.actors import Actor, Target
from enforcement.decisions import decision_severity
from enforcement.findings import decision_queue
from enforcement.models import Finding, FindingStatus
from tests.enforcement.browsing import browser
from tests.enforcement.gateways import Edge, Town, settle
from tests.enforcement.stored_scans import Found, insert, store_scan

Look = Callable[[], int]

pytestmark = pytest.mark.django_db
SKILL = "/srv/alice/.claude/skills/notes"


def dispose(edge: Edge, alert: str, how: str, actor: str = "cli:operator") -> None:
    """The row that DefenseClaw's command line or REST leaves."""
    insert(
        edge,
        "alert_acknowledgement_operations",
        operation_id=str(uuid.uuid4()),
        command_fingerprint="",
        alert_id=alert,
        requested_disposition=how,
        actor=actor,
        expected_projection_version=0,
        outcome="applied",
        observed_projection_version=0,
        projection_version_before=0,
        projection_version_after=1,
        event_id=str(uuid.uuid4()),
        created_at=datetime.now(UTC).isoformat(),
    )


def found(edge: Edge, look: Look, severity: str = "HIGH") -> Finding:
    scan = store_scan(edge, "skill-scanner", SKILL, Found(severity=severity))
    look()
    Finding.objects.filter(scan__scan_id=scan).update(alert_id="alert-1")
    return Finding.objects.get()


@pytest.mark.parametrize("how", ["acknowledged", "dismissed"])
def test_it_is_shown_as_acknowledged_by_nobody_who_is_named_and_goes_on_counting(
    town: Town, edge: Edge, look: Look, how: str
) -> None:
    finding = found(edge, look)
    dispose(edge, "alert-1", how)
    look()
    look()
    finding.refresh_from_db()
    assert finding.status == FindingStatus.ACKNOWLEDGED
    assert decision_severity.found("skill", "notes") == "HIGH"
    page = browser("operator", "operator").get(f"/enforcement/findings/{finding.pk}/")
    text = page.content.decode()
    assert "by cli:operator at DefenseClaw, not by a named person" in text
    assert ("until a named person dismisses it" in text) is (how == "dismissed")
    [event] = EventRow.objects.filter(action__startswith="defenseclaw.alert_")
    assert event.action == f"defenseclaw.alert_{how}" and event.actor_sub == ""


@pytest.mark.parametrize("how", ["acknowledged", "dismissed"])
def test_it_stays_in_the_lists_of_what_is_open_until_a_person_answers(
    town: Town, edge: Edge, look: Look, olu: Actor, how: str
) -> None:
    finding = found(edge, look)
    dispose(edge, "alert-1", how)
    look()
    client = browser("operator", "operator")
    page = f"/enforcement/findings/{finding.pk}/"
    lists = ("", "?status=open", "?list=undecided")
    assert decision_queue.undecided().get() == finding
    for one in lists:
        assert page in client.get(f"/enforcement/{one}").content.decode(), one
    settle(olu, Target("alert", finding.finding_id), "acknowledge")
    assert not decision_queue.undecided().exists()
    for one in lists:
        assert page not in client.get(f"/enforcement/{one}").content.decode(), one


def test_a_person_acknowledges_by_name_what_nobody_named_acknowledged(
    town: Town, edge: Edge, look: Look, olu: Actor
) -> None:
    finding = found(edge, look)
    dispose(edge, "alert-1", "acknowledged", actor="<b>somebody else</b>")
    look()
    finding.refresh_from_db()
    assert finding.status_by.startswith("somebody at DefenseClaw")
    settle(olu, Target("alert", finding.finding_id), "acknowledge")
    dispose(edge, "alert-1", "dismissed")
    look()
    finding.refresh_from_db()
    assert (finding.status, finding.status_by) == ("acknowledged", "Olu Operator")


def test_a_critical_finding_is_asked_about_once_all_the_same(
    town: Town, edge: Edge, look: Look, olu: Actor
) -> None:
    found(edge, look, "CRITICAL")
    dispose(edge, "alert-1", "dismissed")
    look()
    look()
    assert Approval.objects.get().verb == "skill.block"
