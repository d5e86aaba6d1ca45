"""What an outpost reported is concluded as its report is taken in: no worker looks for it first,
and the sequencer may stand still."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from approvals import clock
from approvals.models import Effect
from approvals.outbox import step_execution
from approvals.pipeline.service import perform
from approvals.registry import EffectResult
from audit.models import EventRow
from audit.recording.actors import Actor, Target
from enforcement.outposts import report_chain
from tests.enforcement.gateways import Town
from tests.enforcement.outpost_device import Device
from tests.enforcement.test_an_outpost_gets_signed_commands import (
    EDGE,
    SKILL,
    amir,
    device,
    result,
    row,
    step,
)

__all__ = ["amir", "device"]
pytestmark = pytest.mark.django_db
DISABLED = [row("pdf-exfil", runtime="disable")]


def test_a_hold_is_concluded_as_its_report_is_taken_in(
    device: Device, olu: Actor, do_due: Callable[[], None]
) -> None:
    perform(olu, "skill.hold", SKILL)
    do_due()
    [command] = device.commands()
    assert device.send(commands=[result(command, entries=DISABLED)]).status_code == 200
    assert step().state == "done" and step().lease is None
    event = EventRow.objects.get(action="skill.held", outcome="success")
    assert event.seq is None, "nothing was sequenced"


def test_a_failure_that_ends_a_step_is_concluded_and_a_gateway_that_is_down_is_waited_for(
    device: Device, olu: Actor, do_due: Callable[[], None]
) -> None:
    perform(olu, "skill.hold", SKILL)
    do_due()
    [command] = device.commands()
    device.send(commands=[result(command, state="failed", code="gateway_down", detail="no")])
    assert step().state == "pending" and "goes on trying" in step().detail
    device.send(commands=[result(command, entries=[])])
    assert step().state == "failed"
    device.send(commands=[result(command, entries=DISABLED)])
    assert step().state == "failed", "it ended by what was reported first"


def test_a_report_that_arrives_while_a_worker_looks_has_it_look_again(
    device: Device, olu: Actor, do_due: Callable[[], None]
) -> None:
    """Else the step would wait as long as it waits for an outpost that reports nothing."""
    perform(olu, "skill.hold", SKILL)
    do_due()
    [command] = device.commands()
    lease = clock.now() + timedelta(seconds=60)
    Effect.objects.filter(pk=step().pk).update(lease=lease, due=clock.now())
    looking = step()
    device.send(commands=[result(command, entries=DISABLED)])
    assert step().state == "pending", "a worker has it"
    waits = EffectResult("pending", "Being applied.", retry_in_s=600, tried=False)
    step_execution.settle(looking, waits, 1)
    due = step().due
    assert due is not None and due <= clock.now()


def test_a_report_of_many_results_leaves_most_to_the_worker(
    town: Town, device: Device, olu: Actor, do_due: Callable[[], None]
) -> None:
    many = report_chain.CONCLUDED_AT_ONCE + 2
    for n in range(many):
        perform(olu, "mcp.hold", Target("mcp", f"server-{n}", EDGE))
    do_due()
    results = [
        result(one, entries=[row(one["name"], "mcp", install="block")]) for one in device.commands()
    ]
    assert len(results) == many
    device.send(commands=results)
    held = Effect.objects.filter(kind="gateway.hold", state="done")
    assert held.count() == report_chain.CONCLUDED_AT_ONCE
    assert Effect.objects.filter(state="pending", due__lte=clock.now()).count() == 2
    do_due()
    assert held.count() == many
