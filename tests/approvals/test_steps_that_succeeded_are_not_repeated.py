"""A remote step of which the log has a success is over, whatever the database says of it since."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from approvals import clock
from approvals.models import Effect, EffectState
from approvals.outbox import step_execution, step_success_in_log
from approvals.pipeline.service import perform
from approvals.registry import EffectResult, EffectSpec
from audit.models import Event
from audit.recording.actors import Actor, Target
from audit.sequencing import sequencer
from audit.verification import verify
from tests.accounts.trail import events
from tests.approvals.lamps import Lamps
from tests.approvals.working import Work
from tests.attacks.tamper.owner import overwrite
from tests.support.sweeping import sweep

HALL = Target("lamp", "hall")
TELL = EffectSpec("lamp.step", {"watt": 0}, "edge-1", "Tell edge-1")


def committed(lamps: Lamps, olu: Actor, *results: EffectResult, steps: int = 1) -> list[Effect]:
    """The steps of a decision, which will answer so."""
    lamps.effects, lamps.remote = [TELL] * steps, list(results)
    done = perform(olu, "lamp.hold", HALL, severity="HIGH")
    lamps.effects = []
    return list(Effect.objects.filter(operation=done.operation).order_by("id"))


def said() -> list[str]:
    """What `verify_ledger` says of remote steps."""
    sequencer.run_once()
    return [one.message for one in verify.run().problems if "remote step" in one.message]


def put_back(step: Effect, **more: Any) -> None:
    """Have a step wait again, as who writes the database can without any key."""
    columns = {"state": "pending", "attempts": 0, "due": clock.now(), "lease": None}
    Effect.objects.filter(pk=step.pk).update(**columns | more)


@pytest.fixture(params=["with its step", "of an older version"])
def entries(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """How results are recorded while a test asks for it: an older version did not name the step."""
    if request.param == "of an older version":
        monkeypatch.setattr(step_success_in_log, "STEP_ID", "unused")
    yield


@pytest.mark.usefixtures("entries")
def test_one_that_was_done_is_refused_when_it_is_put_back(lamps: Lamps, olu: Actor) -> None:
    (step,) = committed(lamps, olu)
    sweep()
    assert said() == []
    put_back(step)
    sweep()
    step.refresh_from_db()
    assert len(lamps.calls) == 1, "nothing is sent again"
    assert (step.state, step.due) == ("failed", None)
    assert events("ledger.alarm")[-1]["data"] == {"code": "step_altered", "step": str(step.pk)}
    assert len(events("lamp.held")) == 2


@pytest.mark.usefixtures("entries")
@pytest.mark.parametrize("state", ["pending", "unknown", "failed"])
def test_one_that_was_done_is_found_when_its_row_says_otherwise(
    lamps: Lamps, olu: Actor, state: str
) -> None:
    (step,) = committed(lamps, olu)
    sweep()
    put_back(step, state=state)
    assert said() == [f"the remote step {step.pk} succeeded, and its row says otherwise"]


@pytest.mark.usefixtures("entries")
def test_of_several_alike_only_the_one_that_was_done_is_refused(
    lamps: Lamps, olu: Actor, work: Work
) -> None:
    """Two of a decision are done, and the third is tried again until it is."""
    away = EffectResult("pending", "away")
    steps = committed(lamps, olu, EffectResult("done"), EffectResult("done"), away, steps=3)
    sweep()
    assert said() == []
    work()
    assert {one.state for one in Effect.objects.all()} == {"done"}
    assert len(lamps.calls) == 4
    put_back(steps[0])
    sweep()
    assert len(lamps.calls) == 4
    assert sorted(Effect.objects.values_list("state", flat=True)) == ["done", "done", "failed"]


def test_one_that_takes_the_place_of_another_is_refused(lamps: Lamps, olu: Actor) -> None:
    """The row of the one that waits says that it is done, so that there are as many as before."""
    first, other = committed(lamps, olu, EffectResult("done"), EffectResult("pending"), steps=2)
    sweep()
    Effect.objects.filter(pk=other.pk).update(state="done", due=None)
    put_back(first)
    sweep()
    first.refresh_from_db()
    assert (first.state, len(lamps.calls)) == ("failed", 2)


@pytest.mark.usefixtures("entries")
def test_one_that_is_tried_again_is_run_until_it_is_done(
    lamps: Lamps, olu: Actor, work: Work
) -> None:
    """Its result was not known, then it failed, and somebody has it tried again."""
    results = EffectResult("unknown", "timed out"), EffectResult("failed", "no such lamp")
    (step,) = committed(lamps, olu, *results)
    work(2)
    step.refresh_from_db()
    assert (step.state, said()) == ("failed", [])
    assert step_execution.again(Effect.objects.filter(pk=step.pk))
    assert said() == []
    work()
    step.refresh_from_db()
    assert (step.state, said()) == ("done", [])
    assert [one["outcome"] for one in events("lamp.held")] == ["pending", "failure", "success"]


def test_a_step_whose_entry_was_altered_is_reported_as_an_entry_alone(
    lamps: Lamps, olu: Actor
) -> None:
    (step,) = committed(lamps, olu)
    sweep()
    overwrite(Event, events("lamp.held")[-1]["id"], "entry", b"{}")
    put_back(step)
    assert said() == []
    sweep()
    assert len(lamps.calls) == 1
    step.refresh_from_db()
    assert step.state == EffectState.PENDING
