"""Remote steps: each ends done, failed, or unknown and read back; its result is its own event."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from approvals import clock, due_work, registry
from approvals.due_work import CLAIM, LEASE, STEPS, run_at_once
from approvals.models import Effect
from approvals.outbox import step_execution
from approvals.pipeline.service import perform
from approvals.registry import EffectResult, EffectRun, EffectSpec
from audit.erasure import subject_and_store_registry
from audit.recording.actors import Actor, Target
from tests.accounts.trail import events
from tests.approvals.lamps import Lamps
from tests.support.sweeping import due_pieces, sweep

type Work = Callable[..., None]
HALL = Target("lamp", "hall")
TELL = EffectSpec("lamp.step", {"watt": 0}, "edge-1", "Tell edge-1")


def started(lamps: Lamps, olu: Actor, *results: EffectResult | Exception) -> Effect:
    """A committed act with one remote step that will answer so."""
    lamps.effects, lamps.remote = [TELL], list(results)
    done = perform(olu, "lamp.hold", HALL, severity="HIGH")
    return Effect.objects.get(operation=done.operation)


def results() -> list[tuple[str, str]]:
    """Outcome and instance of every event about the act, in order."""
    return [(e["outcome"], e["instance"]) for e in events("lamp.held")]


def test_a_decision_is_pending_until_its_step_is_done(lamps: Lamps, olu: Actor) -> None:
    effect = started(lamps, olu)
    assert results() == [("pending", "")]
    sweep()
    effect.refresh_from_db()
    assert (effect.state, effect.due) == ("done", None)
    assert results() == [("pending", ""), ("success", "edge-1")]
    said = events("lamp.held")[1]
    assert said["operation"] == effect.operation
    assert said["data"]["acknowledged"] is True
    assert said["actor"]["sub"] == olu.sub
    assert said["via"] == "task", "reported by the worker: not a second decision"


def test_a_handlers_own_lookup_error_is_not_taken_for_a_missing_handler(
    lamps: Lamps, olu: Actor
) -> None:
    effect = started(lamps, olu, KeyError("instance"))
    sweep()
    effect.refresh_from_db()
    assert effect.state == "unknown" and effect.due is not None


def test_a_refused_step_is_a_failure_of_its_own(lamps: Lamps, olu: Actor) -> None:
    effect = started(lamps, olu, EffectResult("failed", "no such lamp there"))
    sweep()
    effect.refresh_from_db()
    assert (effect.state, effect.detail) == ("failed", "no such lamp there")
    assert results()[-1] == ("failure", "edge-1")
    assert lamps.lit == {"hall": False}, "what we decided stays decided"


def test_a_step_is_repeated_until_it_is_done(lamps: Lamps, olu: Actor, work: Work) -> None:
    effect = started(
        lamps, olu, EffectResult("pending", "away"), EffectResult("unknown", "timed out")
    )
    work(3)
    effect.refresh_from_db()
    assert (effect.state, effect.attempts) == ("done", 3)
    assert [run.attempt for run in lamps.calls] == [1, 2, 3]
    assert len(results()) == 2, "only the final result is an event"


def test_repeats_wait_longer_each_time(lamps: Lamps, olu: Actor) -> None:
    effect = started(lamps, olu)
    waits = []
    for attempt in (1, 2, 3, 4, 5, 6, 7, 20):
        step_execution.settle(effect, EffectResult("pending", "away"), attempt)
        assert effect.due is not None
        waits.append(round((effect.due - effect.updated).total_seconds()))
    assert waits == [1, 2, 5, 15, 60, 300, 900, 900]


def test_what_may_have_been_done_stays_unknown_until_somebody_could_look(
    lamps: Lamps, olu: Actor, work: Work
) -> None:
    effect = started(
        lamps, olu, EffectResult("unknown", "timed out"), EffectResult("pending", "away")
    )
    work(2)
    effect.refresh_from_db()
    assert (effect.state, effect.detail) == ("unknown", "away")
    work(1)
    effect.refresh_from_db()
    assert effect.state == "done"


def test_a_handler_may_say_when_to_try_again(lamps: Lamps, olu: Actor) -> None:
    effect = started(lamps, olu)
    step_execution.settle(effect, EffectResult("pending", retry_in_s=77), 1)
    assert effect.due is not None
    assert round((effect.due - effect.updated).total_seconds()) == 77


def test_a_handler_that_breaks_leaves_the_step_to_be_read_back(
    lamps: Lamps, olu: Actor, work: Work
) -> None:
    effect = started(lamps, olu, RuntimeError("bug with a secret in it"))
    sweep()
    effect.refresh_from_db()
    assert (effect.state, effect.attempts) == ("unknown", 1)
    assert "secret" not in effect.detail
    work(1)
    effect.refresh_from_db()
    assert effect.state == "done"


def test_nothing_is_tried_for_ever(lamps: Lamps, olu: Actor) -> None:
    effect = started(lamps, olu)
    step_execution.settle(
        effect, EffectResult("unknown", "still away"), step_execution.MAX_ATTEMPTS
    )
    assert effect.state == "unknown", "an outage over a weekend does not end a step"
    effect.created -= step_execution.TRIED_FOR
    step_execution.settle(
        effect, EffectResult("unknown", "still away"), step_execution.MAX_ATTEMPTS
    )
    effect.refresh_from_db()
    assert (effect.state, effect.due) == ("failed", None)
    assert results()[-1] == ("failure", "edge-1")


def test_a_step_nobody_handles_fails_by_name(lamps: Lamps, olu: Actor) -> None:
    lamps.effects = [EffectSpec("lamp.unheard_of", {})]
    done = perform(olu, "lamp.hold", HALL)
    sweep()
    effect = Effect.objects.get(operation=done.operation)
    assert (effect.state, effect.detail) == ("failed", "no handler for lamp.unheard_of")


def test_a_delayed_step_waits_for_its_time(lamps: Lamps, olu: Actor) -> None:
    lamps.effects = [EffectSpec("lamp.step", {}, delay_s=60)]
    perform(olu, "lamp.hold", HALL)
    assert sweep() == 0
    assert lamps.calls == []
    Effect.objects.update(due=clock.now())
    assert sweep() == 1


def test_a_commit_that_fails_leaves_no_step(lamps: Lamps, olu: Actor) -> None:
    lamps.effects, lamps.refuse = [TELL], RuntimeError("bulb broke")
    with pytest.raises(RuntimeError):
        perform(olu, "lamp.hold", HALL)
    assert not Effect.objects.exists()


def test_a_worker_that_was_too_slow_leaves_a_step_to_whoever_took_it_over(
    lamps: Lamps, olu: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    effect = started(lamps, olu)
    (slow,) = due_pieces(STEPS)  # and then something keeps it from beginning
    later = clock.now() + CLAIM + timedelta(seconds=1)
    monkeypatch.setattr(clock, "now", lambda: later)
    (taken_over,) = due_pieces(STEPS)
    taken_over()
    slow()
    assert len(lamps.calls) == 1
    assert results() == [("pending", ""), ("success", "edge-1")]
    effect.refresh_from_db()
    assert effect.lease is None


def test_an_answer_that_comes_after_the_lease_is_recorded_by_one_worker_only(
    lamps: Lamps, olu: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    started(lamps, olu)
    (slow,) = due_pieces(STEPS)
    later = clock.now() + LEASE * 2

    def hangs(payload: dict[str, Any], run: EffectRun) -> EffectResult:
        """The call of the slow worker lasts so long that another one takes the step over."""
        monkeypatch.setitem(registry._HANDLERS, "lamp.step", lamps.step)
        monkeypatch.setattr(clock, "now", lambda: later)
        (taken_over,) = due_pieces(STEPS)
        taken_over()
        return EffectResult("unknown", "timed out")

    monkeypatch.setitem(registry._HANDLERS, "lamp.step", hangs)
    slow()
    assert Effect.objects.get().state == "done"
    assert results() == [("pending", ""), ("success", "edge-1")]


def test_a_step_whose_worker_died_in_the_call_is_a_repeat_that_reads_back(
    lamps: Lamps, olu: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        """Nothing after it runs, as after SIGKILL."""

    def dies(payload: dict[str, Any], run: EffectRun) -> EffectResult:
        raise Killed

    started(lamps, olu)
    monkeypatch.setitem(registry._HANDLERS, "lamp.step", dies)
    with pytest.raises(Killed):
        sweep()
    monkeypatch.setitem(registry._HANDLERS, "lamp.step", lamps.step)
    later = clock.now() + LEASE * 2
    monkeypatch.setattr(clock, "now", lambda: later)
    sweep()
    assert [run.attempt for run in lamps.calls] == [2], "the first call may have been heard"


@pytest.mark.parametrize("at_once", [False, True])
def test_what_a_dead_worker_may_have_done_is_unknown_and_what_it_never_began_is_not(
    lamps: Lamps, olu: Actor, at_once: bool
) -> None:
    lamps.effects = [TELL]
    lamps.remote = [EffectResult("pending", "down"), EffectResult("pending", "down")]
    effect = Effect.objects.get(operation=perform(olu, "lamp.hold", HALL).operation)
    for attempts, state in ((0, "pending"), (1, "unknown")):
        now = clock.now()
        Effect.objects.filter(pk=effect.pk).update(
            lease=now - timedelta(seconds=1), due=now, attempts=attempts
        )
        if at_once:
            run_at_once(effect.pk)
        else:
            sweep()
        effect.refresh_from_db()
        assert effect.state == state


def test_a_step_that_its_slow_worker_gave_back_before_the_claim_is_not_unknown(
    lamps: Lamps, olu: Actor
) -> None:
    lamps.effects = [TELL]
    lamps.remote = [EffectResult("pending", "down")]
    effect = Effect.objects.get(operation=perform(olu, "lamp.hold", HALL).operation)
    now = clock.now()
    rows = Effect.objects.filter(pk=effect.pk)
    rows.update(lease=now - timedelta(seconds=1), due=now, attempts=1)

    class GivenBack:
        def has_capacity(self, lane: str) -> bool:
            rows.update(lease=None)
            return True

        def full(self) -> set[str]:
            return set()

        def start(self, lane: str, work: Callable[[], None]) -> None:
            work()

    due_work.sweep(GivenBack(), STEPS)
    effect.refresh_from_db()
    assert (effect.state, effect.attempts) == ("pending", 2)


def test_a_step_that_waits_goes_on_without_an_erased_persons_words(
    lamps: Lamps, olu: Actor
) -> None:
    """An erasure takes words out of the row, and seals what it left."""
    payload = {"note": f"for {olu.sub}"}
    lamps.effects = [EffectSpec("lamp.step", payload, "edge-1", "Tell edge-1")]
    perform(olu, "lamp.hold", HALL, severity="HIGH")
    whose = subject_and_store_registry.identify(olu.key)
    next(one for one in subject_and_store_registry.stores() if one.name == "requests").erase(whose)
    effect = Effect.objects.get()
    assert effect.payload == {"note": "for [erased]"} and effect.actor["sub"] == "[erased]"
    sweep()
    effect.refresh_from_db()
    assert effect.state == "done"
