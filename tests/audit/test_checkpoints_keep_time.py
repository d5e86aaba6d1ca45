"""Checkpoints come every ten minutes at least, and a clock that was wrong once spoils nothing."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
import time_machine

from audit import clock
from audit.models import Checkpoint, EventRow
from audit.recording.record import record
from audit.sequencing import checkpoint_thinning, sequencer
from audit.verification import verify
from tests.audit.factories import NOON, OLU, DraftFactory
from tests.audit.signed import newest_checkpoint
from tests.support.recording import record_many

pytestmark = pytest.mark.django_db
START = datetime(2026, 11, 28, 12, tzinfo=UTC)
YEAR = timedelta(days=365)


class PassingTime(threading.Event):
    """An event whose waits take no time but move the clocks, until `end`."""

    def __init__(self, patch: pytest.MonkeyPatch, end_s: float) -> None:
        super().__init__()
        self.passed, self._end = 0.0, end_s
        self.at: dict[float, Callable[[], object]] = {}
        patch.setattr("time.monotonic", lambda: 1000.0 + self.passed)
        patch.setattr("audit.clock.now", lambda: START + timedelta(seconds=self.passed))

    def wait(self, timeout: float | None = None) -> bool:
        self.passed += timeout or 0.0
        for moment in [moment for moment in self.at if moment <= self.passed]:
            self.at.pop(moment)()
        if self.passed >= self._end:
            self.set()
        return self.is_set()


def test_an_idle_log_publishes_a_checkpoint_within_ten_minutes_always(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stop = PassingTime(monkeypatch, 4000)
    stop.at = {second: lambda: record(OLU, "skill.blocked") for second in (2.0, 1501.0, 2000.0)}
    sequencer.loop(stop, pause_s=1.0)
    monkeypatch.undo()
    moments = list(Checkpoint.objects.order_by("id").values_list("created", flat=True))
    moments.append(START + timedelta(seconds=4000))
    gaps = [later - before for before, later in pairwise(moments)]
    assert max(gaps) <= timedelta(minutes=10)
    assert len(gaps) < 14, "and not much more often"


def test_a_busy_log_still_looks_for_events_without_a_search_row(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stop = PassingTime(monkeypatch, 1300)
    stop.at = {float(second): lambda: record(OLU, "skill.blocked") for second in range(2, 1300, 3)}

    def lose_a_row() -> None:
        EventRow.objects.filter(event=record(OLU, "skill.allowed").id).delete()

    stop.at[20.5] = lose_a_row
    sequencer.loop(stop, pause_s=1.0)
    assert EventRow.objects.filter(action="skill.allowed", seq__isnull=False).count() == 1


def wrong_once() -> None:
    """A log that was signed last when the clock was a year ahead."""
    list(record_many([DraftFactory.build() for _ in range(3)]))
    sequencer.run_once()
    record(OLU, "skill.blocked", time=NOON)
    with time_machine.travel(clock.now() + YEAR, tick=False):
        sequencer.run_once()


def test_a_clock_that_was_ahead_once_does_not_stop_checkpoints() -> None:
    wrong_once()
    ahead = newest_checkpoint()
    with time_machine.travel(clock.now() + timedelta(minutes=30)):
        assert sequencer.run_once().signed
        again = newest_checkpoint()
        assert abs(clock.now() - again.created) < timedelta(minutes=1)
        assert again.size == ahead.size
        assert not sequencer.run_once().signed, "that one is young"


def test_a_clock_that_was_ahead_once_is_a_note_that_names_the_checkpoint() -> None:
    wrong_once()
    ahead = newest_checkpoint()
    report = verify.run()
    assert report.problems == ()
    assert {n.code for n in report.notes} == {"clock"}
    assert f"checkpoint {ahead.pk} was signed when the clock showed" in report.notes[-1].message
    sequencer.run_once()
    record(OLU, "skill.allowed")
    sequencer.run_once()
    with time_machine.travel(clock.now() + YEAR + timedelta(days=9)):
        later = verify.run()
        assert later.problems == ()
        assert [f"checkpoint {ahead.pk} was" in n.message for n in later.notes] == [True]
        assert checkpoint_thinning.run() is not None


def test_checkpoints_of_an_earlier_version_after_a_clock_that_was_ahead_hold() -> None:
    """It dated none before the one before it, so all were dated ahead."""
    wrong_once()
    ahead = newest_checkpoint()
    record(OLU, "skill.allowed")
    sequencer.run_once()
    late = newest_checkpoint()
    late.created = ahead.created
    late.pk += 1
    late.save(force_insert=True)
    report = verify.run()
    assert report.problems == ()
    assert {n.code for n in report.notes} == {"clock"}


@pytest.mark.parametrize("by", [timedelta(days=-2), timedelta(seconds=2), YEAR])
def test_a_checkpoint_whose_time_was_changed_is_found(unguarded: None, by: timedelta) -> None:
    list(record_many([DraftFactory.build() for _ in range(3)]))
    sequencer.run_once()
    row = newest_checkpoint()
    Checkpoint.objects.filter(pk=row.pk).update(created=row.created + by)
    messages = [p.message for p in verify.run().problems if p.code == "checkpoint"]
    assert len(messages) == 1 and "and its signature says" in messages[0]


def test_thinning_passes_a_checkpoint_that_was_dated_ahead() -> None:
    with time_machine.travel(clock.now() - timedelta(days=30), tick=False) as traveller:
        for step in range(12):
            record(OLU, "skill.blocked", time=NOON)
            if step == 2:
                with time_machine.travel(clock.now() + YEAR, tick=False):
                    sequencer.run_once()
            else:
                sequencer.run_once()
            traveller.shift(timedelta(minutes=3))
    done = checkpoint_thinning.run()
    assert done is not None and done.removed > 5
