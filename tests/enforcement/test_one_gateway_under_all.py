"""What is decided at one gateway under a hold or a block for all of them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from approvals.errors import Refused
from approvals.pipeline.service import perform
from audit.recording.actors import Actor, Target
from enforcement.gateways import decided_and_enforced_state
from enforcement.models import Asset
from tests.enforcement.answering import approve
from tests.enforcement.gateways import Town, settle

pytestmark = pytest.mark.django_db
SKILL = Target("skill", "pdf-exfil")
AT_ONE = Target("skill", "pdf-exfil", "edge-1")
type Do = Callable[[], None]


@pytest.fixture(autouse=True)
def _is_scanned(town: Town, look: Callable[[], int]) -> None:
    """As LOW, so that nothing but whose it is asks for an approval."""
    town.edges["edge-1"].scan("pdf-exfil", severity="LOW")
    look()


def wanted(name: str = "edge-1") -> str:
    states = decided_and_enforced_state.everywhere("skill", "pdf-exfil")
    return next(at.wanted for at in states if at.instance.name == name)


@pytest.mark.parametrize("act", ["unblock", "allow"])
def test_a_hold_for_all_is_not_lifted_at_one_gateway(
    town: Town, olu: Actor, oona: Actor, do_due: Do, act: str
) -> None:
    perform(oona, "skill.hold", SKILL, reason="incident 12")
    do_due()
    with pytest.raises(Refused) as refused:
        perform(olu, f"skill.{act}", AT_ONE, reason="x")
    assert refused.value.code == "on_hold"
    with pytest.raises(Refused, match="on hold"):  # also what was approved before the hold came
        settle(olu, AT_ONE, act)
    do_due()
    assert town.edges["edge-1"].blocked()["pdf-exfil"].startswith("ATA hold")


@pytest.mark.parametrize("act", ["unblock", "allow"])
def test_ones_own_hold_at_one_gateway_ends_no_hold_for_all(
    town: Town, olu: Actor, oona: Actor, do_due: Do, act: str
) -> None:
    perform(olu, "skill.hold", AT_ONE, reason="mine")
    perform(oona, "skill.hold", SKILL, reason="incident 12")
    do_due()
    with pytest.raises(Refused) as refused:
        perform(olu, f"skill.{act}", AT_ONE, reason="x")
    assert refused.value.code == "on_hold"
    assert perform(olu, "skill.release", AT_ONE, reason="over").event_id
    do_due()
    assert town.edges["edge-1"].blocked()["pdf-exfil"].startswith("ATA hold")


def test_a_hold_that_ended_at_one_gateway_hides_no_block_for_all(
    town: Town, olu: Actor, oona: Actor, do_due: Do
) -> None:
    perform(olu, "skill.hold", AT_ONE, reason="mine")
    perform(olu, "skill.release", AT_ONE, reason="over")
    perform(oona, "skill.block", SKILL, reason="incident 12")
    do_due()
    perform(olu, "skill.hold", AT_ONE, reason="mine")
    assert wanted() == "hold"
    perform(olu, "skill.release", AT_ONE, reason="over")
    do_due()
    assert wanted() == "block"
    assert town.edges["edge-1"].blocked()["pdf-exfil"].endswith("incident 12")


def test_a_row_that_an_earlier_version_left_hides_no_block_for_all(
    town: Town, oona: Actor, do_due: Do
) -> None:
    perform(oona, "skill.block", SKILL, reason="incident 12")
    do_due()
    Asset.objects.create(kind="skill", name="pdf-exfil", instance="edge-1")
    assert wanted() == "block"


def test_a_hold_over_a_block_that_a_gateway_lost_ends_with_the_block_in_force(
    town: Town, olu: Actor, oona: Actor, do_due: Do
) -> None:
    perform(oona, "skill.block", SKILL, reason="incident 12")
    do_due()
    town.edges["edge-1"].forget("pdf-exfil")
    perform(olu, "skill.hold", SKILL, reason="mine")
    do_due()
    assert town.edges["edge-1"].blocked()["pdf-exfil"].startswith("ATA hold")
    perform(olu, "skill.release", SKILL, reason="over")
    do_due()
    assert town.edges["edge-1"].blocked()["pdf-exfil"].endswith("incident 12")


def test_an_exception_that_was_approved_stays_one_under_a_hold_of_its_own(
    town: Town, olu: Actor, oona: Actor, do_due: Do
) -> None:
    perform(oona, "skill.block", SKILL, reason="incident 12")
    do_due()
    asked = perform(olu, "skill.unblock", AT_ONE, reason="reviewed").approval
    assert asked is not None
    approve(asked)
    perform(olu, "skill.hold", AT_ONE, reason="mine")
    perform(olu, "skill.release", AT_ONE, reason="over")
    assert wanted() == "none" and wanted("edge-2") == "block"
