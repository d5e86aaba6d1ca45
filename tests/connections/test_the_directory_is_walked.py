"""Everybody of a large directory is noted, though its search gives a thousand at most."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest

from auth0_client.management_api import MOST_FOUND
from tests.connections import test_comparing_many_people as many
from tests.connections.many_worker import Worker
from tests.support.many_people import ManyPeople, sub_of

# More than one search gives. `ATA_TEST_DIRECTORY=10000` is the size that issue and benchmark name,
# walked with Auth0's own thousand; how the walk goes on behind a search is the same at 200.
PEOPLE = int(os.environ.get("ATA_TEST_DIRECTORY", "350"))
GIVES = MOST_FOUND if PEOPLE > MOST_FOUND else 200
FEW = 20
FAULTS = ("500", "malformed", "slow", "cut")
CALLS_EACH = 2  # roles, enrolled phones

_own_ground, _django_db_helper, database = (
    many._own_ground,
    many._django_db_helper,
    many.database,
)


@pytest.fixture
def town() -> Iterator[ManyPeople]:
    found = ManyPeople(PEOPLE, 1)
    found.control(gives=GIVES)
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
    town.control(hold=PEOPLE)  # half of what there is to ask
    first.tell("people 0")
    asked = town.held()["other"]
    first.kill()
    assert PEOPLE / 2 < asked <= PEOPLE, "it was killed in the middle"

    second = worker()
    assert second.ask("people 1")["ran"] == 0, "the dead worker's lease still runs"
    town.control(refuse=1, retry_after=60, hold=0)
    paused = second.ask("people 180")
    assert paused["ran"] == 1 and not paused["finished"]
    assert 30 < paused["wait"] <= 60, "as long as Auth0 said"
    assert paused["after"] > 0
    done = second.ask("people 300")
    assert done["finished"] and done["after"] == 0, "the next walk begins anew"
    assert 0 < done["done"] == done["total"] < PEOPLE * 0.7, "and this one did the rest"
    found = second.ask("state")
    assert (found["people"], found["admins"]) == (PEOPLE, [sub_of(0)])
    assert town.counts()["other"] < PEOPLE * CALLS_EACH + 100, "nobody was asked for twice"
    print(f"\n{PEOPLE} people: {found['cpu_s']:.1f} s of the processor for the second part")


@pytest.mark.parametrize("job", ["people", "work"])
def test_a_few_bad_answers_leave_nobody_out(tmp_path: Path, database: str, job: str) -> None:
    """Another Auth0-shaped provider that fails: four in a row, in the middle of the newcomers."""
    town = ManyPeople(0, 2)
    one = Worker(town.issuer, str(tmp_path), database)
    calls, hours = {"people": CALLS_EACH, "work": 1}[job], count(0, 100_000)
    try:
        for known, fault in zip(range(0, 4 * FEW, FEW), FAULTS, strict=True):
            everybody = known + FEW
            assert job == "people" or one.ask(f"prepare {everybody}") == "ready"
            begun = town.counts().get("requests", 0)
            town.control(people=everybody, hold=begun + known * calls + 12)
            one.tell(f"{job} {next(hours)}")
            town.held()
            town.control(faults=[fault] * 4, hold=0)
            wanted = (everybody, 0 if job == "people" else 2 * everybody)
            done, found = one.hear(), one.ask("state")
            for _ in range(5):  # what could not be read is read the next time
                if done["finished"] and (found["people"], found["accounts"]) == wanted:
                    break
                done, found = one.ask(f"{job} {next(hours)}"), one.ask("state")
            assert done["finished"], (fault, done)
            assert (found["people"], found["accounts"]) == wanted, fault
    finally:
        one.kill()
        town.stop()


def test_more_people_of_one_millisecond_than_a_search_gives_are_told_of(
    town: ManyPeople, worker: Callable[[], Worker]
) -> None:
    town.control(together=PEOPLE - 100)
    one = worker()
    assert one.ask(f"found {GIVES}") == "ready"
    said = one.ask("people 0")
    assert f"More than {GIVES:,} people were created at 2026-01-01" in said["detail"]
    assert one.ask("state")["people"] == GIVES + 100, "and the walk goes on behind them"
