"""A request to block that its requester withdraws ends the hold that somebody else placed."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from approvals import withdraw
from approvals.models import Approval
from approvals.perform import perform
from audit.actor import Actor, Target
from enforcement.models import Asset
from tests.enforcement.gateways import Edge, known

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
    withdraw.cancel(olu, str(asked.approval.id))
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
    withdraw.cancel(olu, str(asked.approval.id))
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
    withdraw.cancel(olu, str(asked.approval.id))
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
