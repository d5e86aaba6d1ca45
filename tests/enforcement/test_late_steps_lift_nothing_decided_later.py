"""A gateway was down while something was allowed or unblocked, and it was restricted meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from approvals import clock
from approvals.models import Effect
from approvals.outbox import step_execution
from approvals.pipeline.service import perform
from audit.recording.actors import Actor, Target
from enforcement.models import Asset
from tests.enforcement.gateways import Edge, settle

pytestmark = pytest.mark.django_db
Do = Callable[[], None]
SKILL = Target("skill", "pdf-exfil", "edge-1")


def decided_while_down(edge: Edge, olu: Actor, do_due: Do, act: str) -> Effect:
    edge.stop()
    settle(olu, SKILL, act)
    do_due()
    edge.start()
    step = Effect.objects.get(kind=f"gateway.{act}")
    assert step.state == "pending"
    return step


@pytest.mark.parametrize("act", ["allow", "unblock"])
def test_a_hold_placed_while_it_waited_stays(
    edge: Edge, olu: Actor, oona: Actor, do_due: Do, act: str
) -> None:
    late = decided_while_down(edge, olu, do_due, act)
    perform(oona, "skill.hold", SKILL, reason="suspicious")
    hold = Effect.objects.get(kind="gateway.hold")
    step_execution.run(hold)
    hold.refresh_from_db()
    assert hold.state == "done"
    do_due()
    late.refresh_from_db()
    assert (late.state, bool(edge.blocked())) == ("failed", True)
    assert late.detail == "A later decision replaced it before it was sent."


def test_what_a_dead_worker_may_have_sent_is_not_said_to_be_unsent(
    edge: Edge, olu: Actor, do_due: Do
) -> None:
    late = decided_while_down(edge, olu, do_due, "allow")
    now = clock.now()
    Effect.objects.filter(pk=late.pk).update(lease=now - timedelta(seconds=1), due=now)
    perform(olu, "skill.block", SKILL, reason="no")
    do_due()
    late.refresh_from_db()
    words = "A later decision replaced it; its own answer was lost, and it is not tried again."
    assert (late.state, late.detail) == ("failed", words)


def test_an_unblock_is_sent_once_the_hold_after_it_has_ended(
    edge: Edge, olu: Actor, oona: Actor, do_due: Do
) -> None:
    perform(olu, "skill.block", SKILL, reason="no")
    do_due()
    assert edge.blocked()
    edge.stop()
    settle(olu, SKILL, "unblock")
    perform(oona, "skill.hold", SKILL, reason="suspicious")
    settle(oona, SKILL, "release")
    edge.start()
    do_due()
    assert not edge.blocked()


@pytest.mark.parametrize("act", ["allow", "unblock"])
def test_a_block_that_nobody_carried_out_at_the_terminal_is_still_the_later_decision(
    edge: Edge, olu: Actor, do_due: Do, act: str
) -> None:
    late = decided_while_down(edge, olu, do_due, act)
    perform(olu, "skill.block", SKILL, reason="no", params={"terminal": True})
    block = Effect.objects.get(kind="gateway.terminal")
    Effect.objects.filter(pk=block.pk).update(created=clock.now() - timedelta(minutes=6))
    step_execution.run(block)
    block.refresh_from_db()
    assert block.state == "failed"
    do_due()
    late.refresh_from_db()
    assert late.state == "failed"
    assert Asset.objects.get(instance="edge-1").decision == "block"
