"""While a request to block waits, a new CRITICAL scan holds again what was released since."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from approvals.models import Approval
from approvals.pipeline.service import perform
from audit.recording.actors import Actor, Target
from enforcement.decisions import stored_decisions_and_holds
from enforcement.models import AskNeed, Scan
from tests.approvals.policies import in_force, rule
from tests.enforcement.answering import approve, deny
from tests.enforcement.gateways import Edge, Town, sentences

pytestmark = pytest.mark.django_db
Look = Callable[[], int]
Do = Callable[[], None]
EVIL = Target("skill", "evil")


@pytest.fixture
def released(edge: Edge, look: Look, olu: Actor, do_due: Do) -> Approval:
    """The request of a finding waits; its hold was released by an approval."""
    edge.scan("evil")
    look()
    do_due()
    done = perform(olu, "skill.release", EVIL, reason="a false alarm")
    assert done.approval is not None
    approve(done.approval)
    do_due()
    assert not edge.blocked()
    return Approval.objects.get(verb="skill.block", status="pending", held=False)


def scanned_again(edge: Edge, look: Look, do_due: Do) -> None:
    edge.scan("evil")
    assert look() == 1
    look()
    do_due()


def test_a_new_scan_after_a_release_holds_it_at_every_gateway_again(
    town: Town, edge: Edge, look: Look, do_due: Do, released: Approval
) -> None:
    scanned_again(edge, look, do_due)
    assert stored_decisions_and_holds.holders_of("skill", "evil", "") == [str(released.pk)]
    for each in town.edges.values():
        assert each.blocked()["evil"].startswith(f"ATA hold {released.pk} until ")
    assert Approval.objects.get(status="pending").held
    assert Scan.objects.latest("id").ask == AskNeed.JOINED
    assert len(sentences("skill.held")) > 1


def test_the_hold_that_was_placed_again_ends_with_its_request(
    town: Town, edge: Edge, look: Look, do_due: Do, released: Approval
) -> None:
    scanned_again(edge, look, do_due)
    deny(Approval.objects.get(pk=released.pk))
    do_due()
    assert not stored_decisions_and_holds.holders_of("skill", "evil", "")
    assert not any(each.blocked() for each in town.edges.values())


def test_a_new_scan_of_what_is_on_hold_holds_it_once(
    edge: Edge, look: Look, do_due: Do, olu: Actor
) -> None:
    edge.scan("evil")
    look()
    do_due()
    held = sentences("skill.held")
    scanned_again(edge, look, do_due)
    assert len(stored_decisions_and_holds.holders_of("skill", "evil", "")) == 1
    assert sentences("skill.held") == held


@pytest.fixture
def open_request(edge: Edge, look: Look, olu: Actor, oona: Actor) -> Approval:
    """A person asks to block it, under a rule that holds nothing; automatic requests do hold."""
    in_force(rule("people", verbs=["skill.block"], roles=["operator"], while_pending="open"))
    edge.scan("evil", severity="HIGH")
    look()
    done = perform(olu, "skill.block", EVIL, reason="graver than it says", severity="CRITICAL")
    assert done.approval is not None and done.approval.rule["while_pending"] == "open"
    assert not done.approval.held and not edge.blocked()
    return done.approval


def test_a_critical_scan_that_joins_a_request_which_holds_nothing_is_held_itself(
    edge: Edge, look: Look, do_due: Do, open_request: Approval
) -> None:
    scanned_again(edge, look, do_due)
    assert Scan.objects.latest("id").ask == AskNeed.JOINED
    assert edge.blocked()["evil"].startswith("ATA hold ")
    [holder] = stored_decisions_and_holds.holders_of("skill", "evil", "")
    assert holder != str(open_request.pk), "that request says that it holds nothing"
    held = sentences("skill.held")
    scanned_again(edge, look, do_due)
    assert stored_decisions_and_holds.holders_of("skill", "evil", "") == [holder]
    assert sentences("skill.held") == held
    deny(Approval.objects.get(pk=open_request.pk))
    do_due()
    assert stored_decisions_and_holds.holders_of("skill", "evil", "") == [holder], (
        "a release is asked for"
    )


def test_a_scan_that_the_policy_lets_wait_in_the_open_holds_nothing(
    edge: Edge, look: Look, do_due: Do, open_request: Approval
) -> None:
    in_force(rule("all", verbs=["skill.block"], while_pending="open"))
    scanned_again(edge, look, do_due)
    assert not edge.blocked() and not stored_decisions_and_holds.holders_of("skill", "evil", "")
