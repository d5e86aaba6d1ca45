"""What needs another person to be lifted is not lifted by a block over it and an unblock."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from approvals.models import Approval
from approvals.pipeline.service import perform
from audit.recording.actors import Actor, Target
from enforcement.models import Asset
from tests.enforcement.answering import approve
from tests.enforcement.gateways import Edge, known

pytestmark = pytest.mark.django_db
SKILL = Target("skill", "pdf-exfil")
type Look = Callable[[], int]


def test_a_hold_by_hand_is_not_lifted_by_block_and_unblock(
    edge: Edge, look: Look, olu: Actor
) -> None:
    edge.scan("pdf-exfil", severity="INFO")
    look()
    oona = known("operator2", "operator", name="Oona Operator").as_actor(via="web")
    perform(oona, "skill.hold", SKILL, reason="incident 12", severity="CRITICAL")
    perform(olu, "skill.block", SKILL, reason="x")
    assert perform(olu, "skill.unblock", SKILL, reason="x").approval is not None
    assert Asset.objects.get(name="pdf-exfil").standing == "hold"


@pytest.mark.parametrize("grave", ["HIGH", "CRITICAL"])
def test_the_hold_of_a_request_that_a_person_raised_is_not_either(
    edge: Edge, look: Look, olu: Actor, grave: str
) -> None:
    edge.scan("pdf-exfil", severity="INFO")
    look()
    oona = known("operator2", "operator", name="Oona Operator").as_actor(via="web")
    asked = perform(oona, "skill.block", SKILL, reason="sure", severity=grave)
    assert asked.approval is not None
    if grave == "CRITICAL":  # while it waits a second one is refused, and not any more after it
        Approval.objects.update(status="closed", outcome="expired")
    perform(olu, "skill.block", SKILL, reason="x")
    assert perform(olu, "skill.unblock", SKILL, reason="x").approval is not None


def test_a_block_that_two_people_decided_is_not_lifted_by_one(
    edge: Edge, look: Look, olu: Actor
) -> None:
    edge.scan("pdf-exfil", severity="INFO")
    look()
    oona = known("operator2", "operator", name="Oona Operator").as_actor(via="web")
    ola = known("admin", "operator", name="Ola Operator").as_actor(via="web")
    asked = perform(oona, "skill.block", SKILL, reason="sure", severity="CRITICAL").approval
    assert asked is not None
    assert approve(asked).outcome == "approved"
    assert perform(ola, "skill.unblock", SKILL, reason="x").approval is not None
