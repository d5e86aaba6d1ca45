"""Everybody compared with Auth0: paged, within its limits, and from where it stopped."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.db import connection
from pytest_django.plugin import DjangoDbBlocker

from tests.audit.own_database import own_database
from tests.connections.many_worker import Worker
from tests.support.many_people import ManyPeople

PEOPLE, ACCOUNTS = 120, 3


@pytest.fixture(autouse=True)
def _own_ground() -> None:
    """No shared database and no tenant: what runs here are processes of their own."""


@pytest.fixture
def _django_db_helper(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """The test database is there to be copied; a transaction in it would keep it from that."""
    with django_db_blocker.unblock():
        yield


@pytest.fixture
def database(db: None, tmp_path: Path) -> Iterator[str]:
    """The name of an empty copy of the test database."""
    with own_database(tmp_path):
        yield str(connection.settings_dict["NAME"])


@pytest.fixture
def town() -> Iterator[ManyPeople]:
    found = ManyPeople(PEOPLE, ACCOUNTS)
    yield found
    found.stop()


@pytest.fixture
def worker(town: ManyPeople, tmp_path: Path, database: str) -> Iterator[Callable[[], Worker]]:
    """Starts workers on that database."""
    made: list[Worker] = []

    def start() -> Worker:
        made.append(Worker(town.issuer, str(tmp_path), database))
        return made[-1]

    yield start
    for one in made:
        one.kill()


def test_a_killed_or_refused_comparison_goes_on_where_it_was(
    town: ManyPeople, worker: Callable[[], Worker]
) -> None:
    first = worker()
    assert first.ask(f"prepare {PEOPLE}") == "ready"
    town.control(hold=100)
    first.tell("work 0")
    reached = town.held()["accounts"]
    first.kill()
    assert 40 < reached < PEOPLE, "it was killed in the middle"

    second = worker()
    assert second.ask("work 1")["ran"] == 0, "the dead worker's lease still runs"
    town.control(refuse=1, retry_after=60, hold=0)
    paused = second.ask("work 180")
    assert paused["ran"] == 1
    assert 30 < paused["wait"] <= 60, "as long as Auth0 said"
    kept = reached - 20 - 1  # it is kept each twenty people; the last answer may not have come
    assert kept <= paused["done"] < PEOPLE == paused["total"], "progress is kept over both stops"
    deadline = time.monotonic() + 60
    while second.ask("work 300")["done"] < PEOPLE:  # until the bucket is full again
        assert time.monotonic() < deadline
    asked = town.counts()["accounts"]
    assert asked <= PEOPLE + 25, "from where it was, not from the start"
    found = second.ask("state")
    assert (found["accounts"], found["events"]) == (PEOPLE * ACCOUNTS,) * 2
    [run] = found["runs"]
    assert run["finished"] and run["resumed"] >= 2 and not run["failed"]
    assert run["found"] == [PEOPLE * ACCOUNTS, 0, 0, 0]
    assert run["events"] == found["events"], "each difference names its comparison"

    town.control(gone=[3], scopes={5: ["read"], 6: ["read", "write", "admin"]})
    assert second.ask("work 100000")["ran"] == 1
    assert town.counts()["accounts"] - asked == PEOPLE, "one request a person"
    found = second.ask("state")
    assert found["runs"][1]["found"] == [0, ACCOUNTS, 2 * ACCOUNTS, 0]
    assert found["states"] == ["connected", "gone"]
