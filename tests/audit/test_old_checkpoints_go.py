"""A week later few checkpoints are enough: which stay, what the log says, what still holds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from audit import clock
from audit.db import insert_only
from audit.ledger.format import entry as entries
from audit.ledger.tiles import consistency_proof
from audit.models import Checkpoint, Cosignature, Event, EventRow, TimeToken
from audit.proofs import proofs_and_tiles
from audit.recording.record import record
from audit.sequencing import checkpoint_thinning, sequencer, signed_state
from audit.sequencing.checkpoint_thinning import Old, superfluous
from audit.sequencing.stored_tree_queries import read_tile
from audit.verification import verify
from tests.audit.factories import ADA, DraftFactory
from tests.support.recording import record_many

pytestmark = pytest.mark.django_db


def at(minutes: float, number: int) -> Old:
    return Old(number, number, b"", datetime(2026, 3, 1, tzinfo=UTC) + timedelta(minutes=minutes))


def gone_of(old: list[Old], *wanted: int) -> list[int]:
    return [one.size for one in superfluous(old, lambda _sizes: wanted)]


def test_first_and_last_of_each_hour_and_what_others_hold_stay() -> None:
    day = [at(n * 10, n) for n in range(18)]  # six an hour, three hours
    assert gone_of(day) == [1, 2, 3, 4, 7, 8, 9, 10, 13, 14, 15, 16]
    assert gone_of(day, 2, 9) == [1, 3, 4, 7, 8, 10, 13, 14, 15, 16]
    assert gone_of([at(0, 1)]) == gone_of([at(0, 1), at(5, 2)]) == gone_of([]) == []


def test_a_second_pass_over_what_stayed_takes_nothing() -> None:
    day = [at(n, n) for n in range(300)]
    kept = (9, 200)
    gone = set(gone_of(day, *kept))
    left = [one for one in day if one.size not in gone]
    assert len(left) == 2 * 5 + len(kept) and gone_of(left, *kept) == []


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[Checkpoint]:
    """A checkpoint every two minutes nine days ago, and one of today."""
    begin = clock.now().replace(minute=0, second=0, microsecond=0) - timedelta(days=9)
    for minute in range(0, 80, 2):
        with monkeypatch.context() as patched:
            patched.setattr(clock, "now", lambda at=begin + timedelta(minutes=minute): at)
            record(ADA, "audit.viewed")
            sequencer.run_once()
    record(ADA, "audit.viewed")
    sequencer.run_once()
    return list(Checkpoint.objects.order_by("id"))


def left() -> set[int]:
    return set(Checkpoint.objects.values_list("size", flat=True))


def test_what_goes_is_told_and_everything_still_holds(made: list[Checkpoint]) -> None:
    assert [one.size for one in made][:41] == list(range(41))
    record(ADA, "audit.exported", data={"format": "entries", "count": 7, "tree_size": 7})
    record(ADA, "audit.sampled", data={"tree_size": 13})
    held, now = made[10], clock.now()
    Cosignature.objects.create(size=held.size, root=held.root, name="w", line="x", created=now)
    TimeToken.objects.create(
        size=20, root=made[19].root, authority="t", response=b"", time=now, created=now
    )
    done = checkpoint_thinning.run()
    assert left() == {0, 7, 10, 13, 20, 30, 31, 40, 41}
    assert done == checkpoint_thinning.Thinned(removed=33, kept=8)
    [row] = EventRow.objects.filter(action="ledger.thinned")
    told = entries.parse(bytes(Event.objects.get(pk=row.event).entry))["data"]
    assert (told["removed"], told["kept"]) == (done.removed, done.kept)
    assert checkpoint_thinning.run() == checkpoint_thinning.Thinned(
        0, done.kept
    )  # and nothing more is told
    assert EventRow.objects.filter(action="ledger.thinned").count() == 1
    sequencer.run_once()
    problems = verify.run().problems
    assert {one.code for one in problems} == {"cosignature", "time"}  # the two of above
    newest = signed_state.newest_checkpoint()
    assert newest is not None
    gone = next(one for one in made if one.size not in left())
    assert consistency_proof(read_tile, gone.size, newest.size)  # needs no note
    assert proofs_and_tiles.proof_at(3, newest)


def test_what_is_younger_than_a_week_stays_and_the_guard_says_so() -> None:
    list(record_many(DraftFactory.build() for _ in range(3)))
    sequencer.run_once()
    assert checkpoint_thinning.run() == checkpoint_thinning.Thinned(0, 0)
    assert insert_only.problems() == []
    with pytest.raises(IntegrityError, match="insert-only"), transaction.atomic():
        Checkpoint.objects.all().delete()
    assert EventRow.objects.filter(action="ledger.thinned").count() == 0


def test_killed_between_telling_and_removing_it_tells_again_of_what_is_left(
    made: list[Checkpoint], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoint_thinning, "_AT_ONCE", 10)
    real, calls = Checkpoint.objects.filter, 0

    class Killed(BaseException):
        pass

    def dying(*args: Any, **kwargs: Any) -> Any:
        nonlocal calls
        if "id__in" in kwargs:
            calls += 1
            if calls == 2:
                raise Killed
        return real(*args, **kwargs)

    with monkeypatch.context() as patched:
        patched.setattr(Checkpoint.objects, "filter", dying)
        with pytest.raises(Killed):
            checkpoint_thinning.run()
    done = checkpoint_thinning.run()
    assert done is not None and done.removed > 10
    told = [
        entries.parse(bytes(Event.objects.get(pk=row.event).entry))["data"]["removed"]
        for row in EventRow.objects.filter(action="ledger.thinned").order_by("event")
    ]
    assert told == [done.removed + 10, done.removed]
