"""Everybody of a large directory is noted, though its search gives a thousand at most."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.connections import test_comparing_many_people as many
from tests.connections.many_worker import Worker
from tests.support.many_people import ManyPeople, sub_of

# More than one search gives; `ATA_TEST_DIRECTORY=10000` is the size that issue and benchmark name.
PEOPLE = int(os.environ.get("ATA_TEST_DIRECTORY", "1300"))
FEW = 60
CALLS_EACH = 2  # roles, enrolled phones

_own_ground, _django_db_helper, database = (
    many._own_ground,
    many._django_db_helper,
    many.database,
)


@pytest.fixture
def town() -> Iterator[ManyPeople]:
    found = ManyPeople(PEOPLE, 1)
    yield found
    found.stop()


@pytest.fixture
def worker(town: ManyPeople, tmp_path: Path, database: str) -> Iterator[Callable[[], Worker]]:
    made: list[Worker] = []

    def start() -> Worker:
        made.append(Worker(town.issuer, str(tmp_path), database))
        return made[-1]

    yield start
    for one in made:
        one.kill()


def test_a_walk_that_was_killed_or_refused_goes_on_where_it_was(
    town: ManyPeople, worker: Callable[[], Worker]
) -> None:
    first = worker()
    first.tell("people 0")
    deadline = time.monotonic() + 120
    while town.counts().get("other", 0) < PEOPLE:  # half of them
        assert time.monotonic() < deadline
        time.sleep(0.05)
    first.kill()
    asked = town.counts()["other"]
    assert asked < PEOPLE * CALLS_EACH * 0.9, "it was killed in the middle"

    second = worker()
    assert second.ask("people 1")["ran"] == 0, "the dead worker's lease still runs"
    town.control(refuse=1)
    paused = second.ask("people 180")
    assert paused["ran"] == 1 and not paused["finished"]
    assert 5 < paused["wait"] <= 7, "as long as Auth0 said"
    assert paused["after"] > 0
    done = second.ask("people 200")
    assert done["finished"] and done["after"] == 0, "the next walk begins anew"
    assert 0 < done["done"] == done["total"] < PEOPLE * 0.7, "and this one did the rest"
    found = second.ask("state")
    assert (found["people"], found["admins"]) == (PEOPLE, [sub_of(0)])
    assert town.counts()["other"] < PEOPLE * (CALLS_EACH + 0.1) + 200, "nobody was asked for twice"
    print(f"\n{PEOPLE} people: {found['cpu_s']:.1f} s of the processor for the second part")


@pytest.mark.parametrize("job", ["people", "work"])
@pytest.mark.parametrize("fault", ["500", "malformed", "slow", "cut"])
def test_a_few_bad_answers_leave_nobody_out(
    tmp_path: Path, database: str, job: str, fault: str
) -> None:
    """Another Auth0-shaped provider that fails: four in a row, in the middle of the walk."""
    town = ManyPeople(FEW, 2)
    one = Worker(town.issuer, str(tmp_path), database)
    try:
        assert job == "people" or one.ask(f"prepare {FEW}") == "ready"
        town.control(delay_ms=20)
        one.tell(f"{job} 0")
        deadline = time.monotonic() + 60
        while town.counts().get("requests", 0) < 12:
            assert time.monotonic() < deadline
        town.control(faults=[fault] * 4, delay_ms=0)
        assert one.process.stdout is not None
        done = json.loads(one.process.stdout.readline())
        for number in range(1, 6):  # what could not be read is read the next time
            done = one.ask(f"{job} {number * 100_000}")
        assert done["finished"], done
        found = one.ask("state")
        assert (found["people"], found["accounts"]) == (FEW, 0 if job == "people" else 2 * FEW)
    finally:
        one.kill()
        town.stop()


def test_more_people_of_one_millisecond_than_a_search_gives_are_told_of(
    town: ManyPeople, worker: Callable[[], Worker]
) -> None:
    town.control(together=PEOPLE - 100)
    one = worker()
    said = one.ask("people 0")
    assert "More than 1,000 people were created at 2026-01-01" in said["detail"]
    assert one.ask("state")["people"] == 1000 + 100, "and the walk goes on behind them"
