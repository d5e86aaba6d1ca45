"""What somebody else restricted already is restricted by a second person as well.

So whoever restricted it first relaxes nothing of theirs alone; only the same person who repeats the
same or a milder thing is told that there is nothing to do.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from approvals.errors import NothingToDo
from approvals.models import Approval
from approvals.pipeline.service import perform
from audit.recording.actors import Actor, Target
from enforcement.models import Asset
from tests.enforcement.answering import approve
from tests.enforcement.gateways import Edge, Town

pytestmark = pytest.mark.django_db
SKILL = Target("skill", "pdf-exfil")
AT_ONE = Target("skill", "pdf-exfil", "edge-1")
type Do = Callable[[], None]


@pytest.fixture(autouse=True)
def _is_scanned(edge: Edge, look: Callable[[], int]) -> None:
    """As LOW, so that nothing but whose it is asks for an approval."""
    edge.scan("pdf-exfil", severity="LOW")
    look()


def standing(instance: str = "") -> str:
    return Asset.objects.get(name="pdf-exfil", instance=instance).standing


def asked_of_another(actor: Actor, verb: str, target: Target = SKILL) -> Approval:
    """The request that this decision became, which its requester may not answer."""
    asked = perform(actor, verb, target, reason="over").approval
    assert asked is not None and asked.rule["approver"] == "another"
    return asked


@pytest.mark.parametrize("severity", ["LOW", "CRITICAL"])
def test_a_hold_over_a_hold_is_not_released_by_its_first_holder_alone(
    town: Town, olu: Actor, oona: Actor, severity: str
) -> None:
    perform(olu, "skill.hold", SKILL, reason="mine")
    perform(oona, "skill.hold", SKILL, reason="incident 12", severity=severity)
    asked = asked_of_another(olu, "skill.release")
    assert standing() == "hold"
    assert approve(asked).outcome == "approved"
    assert standing() == "none"


def test_a_hold_over_a_block_is_not_unblocked_by_its_blocker_alone(
    town: Town, olu: Actor, oona: Actor, do_due: Do
) -> None:
    perform(olu, "skill.block", SKILL, reason="mine")
    do_due()
    perform(oona, "skill.hold", SKILL, reason="incident 12")
    asked_of_another(olu, "skill.unblock")


def test_a_block_over_a_block_is_not_unblocked_by_either_alone(
    town: Town, olu: Actor, oona: Actor, do_due: Do
) -> None:
    perform(olu, "skill.block", SKILL, reason="mine")
    do_due()
    assert perform(oona, "skill.block", SKILL, reason="as well").event_id
    do_due()
    asked_of_another(olu, "skill.unblock")
    asked_of_another(oona, "skill.allow")


def test_a_block_over_a_hold_of_somebody_else_is_not_unblocked_by_its_blocker_alone(
    town: Town, olu: Actor, oona: Actor, do_due: Do
) -> None:
    perform(oona, "skill.hold", SKILL, reason="incident 12")
    assert perform(olu, "skill.block", SKILL, reason="mine").event_id
    do_due()
    asked_of_another(olu, "skill.unblock")


def test_a_block_for_all_keeps_whose_block_stood_at_one_gateway(
    town: Town, olu: Actor, oona: Actor, do_due: Do
) -> None:
    perform(oona, "skill.block", AT_ONE, reason="incident 12")
    perform(olu, "skill.block", SKILL, reason="mine")
    do_due()
    asked_of_another(olu, "skill.unblock")


def test_an_exception_from_somebody_elses_block_for_all_waits_for_another(
    town: Town, olu: Actor, oona: Actor, do_due: Do
) -> None:
    perform(oona, "skill.block", SKILL, reason="incident 12")
    do_due()
    asked_of_another(olu, "skill.unblock", AT_ONE)
    asked_of_another(olu, "skill.allow", AT_ONE)


def test_what_an_approval_lifted_is_nobodys_any_more(
    town: Town, olu: Actor, oona: Actor, do_due: Do
) -> None:
    perform(oona, "skill.block", SKILL, reason="incident 12")
    approve(asked_of_another(olu, "skill.unblock"))
    do_due()
    perform(olu, "skill.block", SKILL, reason="mine")
    do_due()
    assert perform(olu, "skill.unblock", SKILL, reason="over").event_id


def test_ones_own_hold_and_block_are_ones_own_to_lift(town: Town, olu: Actor, do_due: Do) -> None:
    perform(olu, "skill.hold", SKILL, reason="mine")
    assert perform(olu, "skill.release", SKILL, reason="over").event_id
    perform(olu, "skill.block", SKILL, reason="mine")
    do_due()
    assert perform(olu, "skill.unblock", SKILL, reason="over").event_id


def test_repeating_the_same_or_a_milder_thing_changes_nothing(
    town: Town, olu: Actor, oona: Actor, do_due: Do
) -> None:
    perform(olu, "skill.hold", SKILL, severity="MEDIUM")
    perform(oona, "skill.hold", SKILL, severity="LOW")
    for who, severity in ((olu, "MEDIUM"), (olu, "LOW"), (oona, "LOW")):
        with pytest.raises(NothingToDo):
            perform(who, "skill.hold", SKILL, severity=severity)
    perform(olu, "skill.hold", SKILL, severity="HIGH")
    assert len(Asset.objects.get(name="pdf-exfil").holds) == 3


def test_a_graver_block_of_the_same_person_is_recorded(town: Town, olu: Actor, do_due: Do) -> None:
    perform(olu, "skill.block", SKILL, severity="LOW")
    do_due()
    with pytest.raises(NothingToDo):
        perform(olu, "skill.block", SKILL, severity="LOW")
    assert perform(olu, "skill.block", SKILL, severity="HIGH").approval is not None


def test_a_request_to_block_that_waits_does_not_settle_what_came_after_it(
    town: Town, olu: Actor, oona: Actor, do_due: Do
) -> None:
    """Its approval blocks; lifting that is not for the requester alone."""
    asked = perform(olu, "skill.block", SKILL, reason="mine", severity="HIGH").approval
    assert asked is not None and asked.rule["approver"] == "self"
    perform(oona, "skill.hold", SKILL, reason="incident 12")
    assert approve(asked).outcome == "approved"
    do_due()
    assert standing() == "block"
    asked_of_another(olu, "skill.unblock")
