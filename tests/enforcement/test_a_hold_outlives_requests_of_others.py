"""A request that is withdrawn, or a milder decision, ends no hold that somebody else placed."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from approvals import cancel_resend_confirm_denial
from approvals.models import Approval
from approvals.pipeline.service import perform
from audit.recording.actors import Actor, Target
from enforcement.models import Asset
from tests.enforcement.answering import approve
from tests.enforcement.gateways import Edge, known, lift

pytestmark = pytest.mark.django_db
SKILL = Target("skill", "pdf-exfil")
type Look = Callable[[], int]


def standing() -> str:
    return Asset.objects.get(name="pdf-exfil").standing


def test_a_hold_by_hand_survives_a_request_that_is_withdrawn(
    edge: Edge, look: Look, olu: Actor
) -> None:
    edge.scan("pdf-exfil", severity="INFO")
    look()
    oona = known("operator2", "operator", name="Oona Operator").as_actor(via="web")
    perform(oona, "skill.hold", SKILL, reason="incident 12", severity="CRITICAL")
    assert standing() == "hold"
    # The direct way needs another person ...
    released = perform(olu, "skill.release", SKILL, reason="x").approval
    assert released is not None and released.rule["approver"] == "another"
    # ... and this one nobody.
    asked = perform(olu, "skill.block", SKILL, reason="x", severity="HIGH")
    assert asked.approval is not None
    cancel_resend_confirm_denial.cancel(olu, str(asked.approval.id))
    assert standing() == "hold"


def test_a_hold_that_nobody_answered_survives_a_request_that_is_withdrawn(
    edge: Edge, look: Look, olu: Actor
) -> None:
    edge.scan("pdf-exfil", severity="CRITICAL")
    look()
    assert standing() == "hold"
    Approval.objects.update(status="closed", outcome="expired")  # silence: the hold stays
    asked = perform(olu, "skill.block", SKILL, reason="x")
    assert asked.approval is not None
    cancel_resend_confirm_denial.cancel(olu, str(asked.approval.id))
    assert standing() == "hold"


def test_a_hold_by_the_finding_survives_a_milder_request_of_a_gateway(
    edge: Edge, look: Look, olu: Actor, do_due: Callable[[], None]
) -> None:
    """While the finding's own request waits: the same thing at one gateway."""
    edge.scan("pdf-exfil", severity="CRITICAL")
    look()
    do_due()
    asked = perform(olu, "skill.block", Target("skill", "pdf-exfil", "edge-1"), reason="x")
    assert asked.approval is not None
    do_due()
    cancel_resend_confirm_denial.cancel(olu, str(asked.approval.id))
    do_due()
    assert Asset.objects.get(name="pdf-exfil", instance="").holder  # decided: held everywhere
    assert edge.blocked()  # and really held at this gateway


def test_a_milder_request_on_top_does_not_make_the_release_milder(
    edge: Edge, look: Look, olu: Actor
) -> None:
    edge.scan("pdf-exfil", severity="INFO")
    look()
    oona = known("operator2", "operator", name="Oona Operator").as_actor(via="web")
    perform(oona, "skill.hold", SKILL, reason="incident 12", severity="CRITICAL")
    perform(olu, "skill.block", SKILL, reason="x", severity="HIGH")
    asked = perform(olu, "skill.release", SKILL, reason="x").approval
    assert asked is not None
    assert (asked.severity, asked.rule["approver"]) == ("CRITICAL", "another")


def test_a_block_that_waits_at_a_milder_severity_ends_no_graver_hold(
    edge: Edge, look: Look, olu: Actor
) -> None:
    edge.scan("pdf-exfil", severity="LOW")
    look()
    asked = perform(olu, "skill.block", SKILL, reason="x", severity="HIGH").approval
    assert asked is not None
    oona = known("operator2", "operator", name="Oona Operator").as_actor(via="web")
    perform(oona, "skill.hold", SKILL, reason="incident 12", severity="CRITICAL")
    answered = approve(asked)
    assert (answered.outcome, answered.outcome_code) == ("failed", "state_changed")
    assert standing() == "hold"


def test_an_allow_ends_no_hold_that_its_approver_did_not_see(
    edge: Edge, look: Look, olu: Actor
) -> None:
    edge.scan("pdf-exfil", severity="HIGH")
    look()
    Approval.objects.update(status="closed", outcome="expired")
    asked = perform(olu, "skill.allow", SKILL, reason="x").approval
    assert asked is not None
    oona = known("operator2", "operator", name="Oona Operator").as_actor(via="web")
    perform(oona, "skill.hold", SKILL, reason="incident 12", severity="HIGH")
    asked.refresh_from_db()
    if asked.status == "pending":
        assert approve(asked).outcome == "failed"
    assert standing() == "hold"


def test_a_release_for_all_leaves_the_hold_of_a_request_at_one_gateway_to_it(
    edge: Edge, look: Look, olu: Actor
) -> None:
    edge.scan("pdf-exfil", severity="LOW")
    look()
    at_one = Target("skill", "pdf-exfil", "edge-1")
    asked = perform(olu, "skill.block", at_one, reason="x", severity="HIGH").approval
    assert asked is not None
    oona = known("operator2", "operator", name="Oona Operator").as_actor(via="web")
    perform(oona, "skill.hold", SKILL, reason="incident 12", severity="LOW")
    release = perform(oona, "skill.release", SKILL, reason="over").approval
    if release is not None:
        approve(release)
    cancel_resend_confirm_denial.cancel(olu, str(asked.id))
    assert not Asset.objects.exclude(holder="").exists()


def test_what_stays_at_a_gateway_is_lifted_whoever_of_us_it_names(
    edge: Edge, look: Look, olu: Actor, do_due: Callable[[], None]
) -> None:
    """The reason of the first hold was to be put back while the gateway was away, and never was."""
    edge.scan("pdf-exfil", severity="LOW")
    look()
    oona = known("operator2", "operator", name="Oona Operator").as_actor(via="web")
    perform(oona, "skill.hold", SKILL, reason="incident 12", severity="LOW")
    asked = perform(olu, "skill.block", SKILL, reason="x", severity="HIGH").approval
    assert asked is not None
    do_due()
    cancel_resend_confirm_denial.cancel(olu, str(asked.id))
    perform(oona, "skill.release", SKILL, reason="over")
    do_due()
    assert edge.blocked() == {}


@pytest.mark.parametrize("again", [False, True])
def test_the_hold_of_another_portal_stays_through_ours(
    edge: Edge, olu: Actor, do_due: Callable[[], None], again: bool
) -> None:
    if again:  # it took the place of ours
        perform(olu, "skill.hold", SKILL, reason="me first")
        do_due()
        edge.forget("pdf-exfil")
    theirs = "ATA hold 01900000-0000-7000-8000-0000000000aa until released by hand"
    edge.block("skill", "pdf-exfil", theirs)
    perform(olu, "skill.hold", SKILL, reason="me too", severity="HIGH")
    do_due()
    assert edge.blocked() == {"pdf-exfil": theirs}
    lift(olu, SKILL)
    do_due()
    assert edge.blocked() == {"pdf-exfil": theirs}


def test_a_newer_hold_of_ours_takes_the_place_of_ours(
    edge: Edge, olu: Actor, oona: Actor, do_due: Callable[[], None]
) -> None:
    perform(olu, "skill.hold", SKILL, reason="me first")
    do_due()
    first = edge.blocked()
    perform(oona, "skill.hold", SKILL, reason="me too", severity="HIGH")
    do_due()
    assert edge.blocked() != first
    lift(olu, SKILL)
    do_due()
    assert not edge.blocked()
