"""A milder later scan lowers the severity shown, never what allow, unblock and release need.

Scans arrive under the gateway's shared token, so a clean one proves nothing about a person.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from approvals import clock
from approvals.errors import Refused
from approvals.models import Approval
from approvals.pipeline.service import Performed, perform
from audit.recording.actors import Actor, Target
from enforcement.decisions import decision_severity
from enforcement.models import Asset, Finding, Scan
from tests.enforcement.gateways import Edge, settle

pytestmark = pytest.mark.django_db
SKILL = Target("skill", "pdf-exfil")
Look = Callable[[], int]


def scanned(edge: Edge, look: Look, *severities: str) -> None:
    """Scans arrive one after the other, each read before the next."""
    for word in severities:
        edge.scan("pdf-exfil", severity=word)
        look()


def approver_of(done: Performed) -> tuple[str, str]:
    """The severity that the request counts with, and who has to approve it."""
    assert done.event_id is None and done.approval is not None
    return done.approval.severity, done.approval.rule["approver"]


def test_a_clean_scan_does_not_let_allow_end_a_critical_request(
    edge: Edge, look: Look, olu: Actor
) -> None:
    scanned(edge, look, "CRITICAL", "INFO")
    waiting = Approval.objects.get(verb="skill.block")
    assert decision_severity.found("skill", "pdf-exfil") == "INFO"  # what the pages show
    done = perform(olu, "skill.allow", SKILL, reason="looks clean")
    assert approver_of(done) == ("CRITICAL", "another")
    waiting.refresh_from_db()
    assert waiting.status == "pending" and waiting.held
    assert Asset.objects.get(name="pdf-exfil").standing == "hold"


@pytest.mark.parametrize("act", ["allow", "unblock", "release"])
@pytest.mark.parametrize("instance", ["", "edge-1", "edge-2"])
def test_every_relaxing_decision_counts_with_the_request_that_waits(
    edge: Edge, look: Look, olu: Actor, act: str, instance: str
) -> None:
    scanned(edge, look, "CRITICAL", "INFO")
    Finding.objects.all().delete()  # the request alone
    Scan.objects.exclude(severity="INFO").delete()
    if act == "release" and instance:
        settle(olu, Target("skill", "pdf-exfil", instance), "hold")
    target = Target("skill", "pdf-exfil", instance)
    if act != "release" and instance:  # nobody excepts one gateway from the hold for all
        with pytest.raises(Refused, match="on hold on all gateways"):
            perform(olu, f"skill.{act}", target, reason="clean")
        return
    done = perform(olu, f"skill.{act}", target, reason="clean")
    assert approver_of(done) == ("CRITICAL", "another")


def test_a_hold_that_stayed_after_its_request_keeps_its_severity(
    edge: Edge, look: Look, olu: Actor
) -> None:
    scanned(edge, look, "CRITICAL", "INFO")
    Finding.objects.all().delete()
    Scan.objects.exclude(severity="INFO").delete()
    Approval.objects.update(status="closed", outcome="expired")
    done = perform(olu, "skill.release", SKILL, reason="clean")
    assert approver_of(done) == ("CRITICAL", "another")


def test_a_hold_by_hand_keeps_the_severity_it_was_raised_to(
    edge: Edge, look: Look, olu: Actor
) -> None:
    scanned(edge, look, "INFO")
    perform(olu, "skill.hold", SKILL, reason="odd", severity="CRITICAL")
    done = perform(olu, "skill.release", SKILL, reason="clean")
    assert approver_of(done) == ("CRITICAL", "another")


def test_a_request_that_a_person_raised_is_not_ended_by_a_milder_allow(
    edge: Edge, look: Look, olu: Actor
) -> None:
    scanned(edge, look, "LOW")
    perform(olu, "skill.block", SKILL, reason="sure", severity="HIGH")
    assert approver_of(perform(olu, "skill.allow", SKILL, reason="no"))[0] == "HIGH"


@pytest.mark.parametrize("grave", ["HIGH", "CRITICAL"])
def test_a_finding_that_nobody_dismissed_counts_after_a_clean_scan(
    edge: Edge, look: Look, olu: Actor, grave: str
) -> None:
    scanned(edge, look, grave, "INFO")
    Approval.objects.all().delete()
    Asset.objects.all().delete()
    assert set(Finding.objects.values_list("status", flat=True)) == {"replaced"}
    assert approver_of(perform(olu, "skill.allow", SKILL, reason="clean"))[0] == grave


def test_a_verdict_without_finding_rows_counts_after_a_clean_scan(
    edge: Edge, look: Look, olu: Actor
) -> None:
    scanned(edge, look, "HIGH", "INFO")
    Finding.objects.all().delete()
    assert approver_of(perform(olu, "skill.allow", SKILL, reason="clean"))[0] == "HIGH"


def test_a_finding_that_a_person_dismissed_counts_no_longer_after_a_clean_scan(
    edge: Edge, look: Look, olu: Actor
) -> None:
    scanned(edge, look, "HIGH")
    for finding in Finding.objects.all():
        settle(olu, Target("alert", finding.finding_id), "dismiss")
    scanned(edge, look, "INFO")
    assert perform(olu, "skill.allow", SKILL, reason="dismissed").event_id


@pytest.mark.parametrize("act", ["allow", "unblock"])
def test_an_approved_decision_settles_the_findings_before_it(
    edge: Edge, look: Look, olu: Actor, act: str
) -> None:
    scanned(edge, look, "HIGH", "INFO")
    settle(olu, SKILL, act)
    assert decision_severity.of_loosening(SKILL, {}) == "INFO"
    assert decision_severity.of_loosening(Target("skill", "pdf-exfil", "edge-1"), {}) == "INFO"
    scanned(edge, look, "HIGH", "INFO")
    assert decision_severity.of_loosening(SKILL, {}) == "HIGH"


def test_a_block_or_an_allow_of_one_gateway_settles_nothing_elsewhere(
    edge: Edge, look: Look, olu: Actor
) -> None:
    scanned(edge, look, "HIGH", "INFO")
    settle(olu, Target("skill", "pdf-exfil", "edge-1"), "allow")
    assert decision_severity.of_loosening(SKILL, {}) == "HIGH"
    settle(olu, SKILL, "block")
    assert decision_severity.of_loosening(SKILL, {}) == "HIGH"
    assert decision_severity.of_loosening(Target("skill", "pdf-exfil", "edge-1"), {}) == "HIGH"


def test_a_backdated_scan_is_judged_by_when_the_portal_read_it(
    edge: Edge, look: Look, olu: Actor
) -> None:
    scanned(edge, look, "INFO")
    settle(olu, SKILL, "unblock")
    scanned(edge, look, "HIGH", "INFO")
    Finding.objects.update(at=clock.now() - timedelta(days=9))
    Scan.objects.filter(severity="HIGH").update(at=clock.now() - timedelta(days=9))
    assert decision_severity.of_loosening(SKILL, {}) == "HIGH"


def test_an_allow_asked_for_before_a_graver_request_is_no_longer_true(
    edge: Edge, look: Look, olu: Actor
) -> None:
    from approvals.pipeline.recheck import no_longer_true

    scanned(edge, look, "HIGH")
    allow = perform(olu, "skill.allow", SKILL, reason="fine").approval
    assert allow is not None and no_longer_true(allow) == ""
    perform(olu, "skill.block", SKILL, reason="sure", severity="CRITICAL")
    assert no_longer_true(allow) == "state_changed"
