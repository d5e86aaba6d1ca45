"""The search projection is rebuilt while the portal goes on: nothing collides, nothing is lost."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from django.db.models import F
from pytest_django.plugin import DjangoDbBlocker

from audit.db import process_locks
from audit.ledger.query import EventQuery
from audit.models import Entry, Event, EventRow, Rollup
from audit.recording.record import record
from audit.search import event_search, projection
from audit.sequencing import sequencer
from audit.verification import verify
from tests.audit.factories import OLU, DraftFactory
from tests.audit.own_database import own_database
from tests.support.erasing import erase_person
from tests.support.recording import record_many

pytestmark = pytest.mark.django_db
PATIENCE_S = 60


@pytest.fixture
def _django_db_helper(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """The mark makes the test database; here every test has a copy of it, whose writes commit."""
    with django_db_blocker.unblock():
        yield


@pytest.fixture
def pool(tmp_path: Path) -> Iterator[ThreadPoolExecutor]:
    """Threads with connections of their own to an empty database of the test's own."""
    with own_database(tmp_path), ThreadPoolExecutor(3) as threads:
        yield threads


def closing[T](job: Callable[[], T]) -> Callable[[], T]:
    """Do it and close the connection that the thread opened."""

    def done() -> T:
        try:
            return job()
        finally:
            connection.close()

    return done


class OthersAtWork:
    """A recorder and a sequencer that get a turn whenever the rebuild reads openings."""

    def __init__(self) -> None:
        self.recorded: list[UUID] = []
        self._turns, self._over = threading.Semaphore(0), threading.Event()
        self._begun, self._done = threading.Event(), threading.Semaphore(0)

    def work(self) -> None:
        """Record and sequence, once a turn, until it is over."""
        worker = sequencer.Sequencer()
        while self._turns.acquire(timeout=PATIENCE_S) and not self._over.is_set():
            self._begun.set()
            self.recorded += [record(OLU, "skill.blocked", reason="meanwhile").id]
            worker.run_once(sweep=False)
            self.recorded += [record(OLU, "skill.allowed", reason="meanwhile").id]
            self._done.release()

    def end(self) -> None:
        self._over.set()
        self._turns.release()

    def between(self, execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        """Give them their turn before a statement, where no write is held against them."""
        free = connection.vendor == "postgresql" or not connection.in_atomic_block
        if free and "audit_openings" in sql:
            self._turns.release()
            assert self._done.acquire(timeout=PATIENCE_S), "they could not write"
        return execute(sql, params, many, context)


def history(many: int = 300) -> None:
    """A log of `many` entries."""
    list(record_many(DraftFactory.build() for _ in range(many)))
    sequencer.run_once()


def everything_holds() -> None:
    report = verify.run()
    assert report.problems == ()
    assert EventRow.objects.count() == Event.objects.count()


def test_what_is_recorded_during_a_rebuild_neither_collides_nor_gets_lost(
    pool: ThreadPoolExecutor,
) -> None:
    others = OthersAtWork()

    def rebuilt() -> None:
        history()
        EventRow.objects.update(sentence="as an older version said it")
        working = pool.submit(closing(others.work))
        try:
            with connection.execute_wrapper(others.between):
                projection.rebuild(batch=100)
        finally:
            others.end()
        working.result()
        assert len(others.recorded) >= 4
        assert set(others.recorded) <= set(EventRow.objects.values_list("event", flat=True))
        assert not EventRow.objects.filter(sentence="as an older version said it").exists()
        sequencer.run_once()
        everything_holds()
        found = event_search.page(EventQuery.from_bar("meanwhile"), limit=100)
        assert len(found.rows) == len(others.recorded)

    pool.submit(closing(rebuilt)).result()


def test_whatever_was_changed_among_the_rows_is_right_after_a_rebuild(
    pool: ThreadPoolExecutor,
) -> None:
    def rebuilt() -> None:
        history()
        list(record_many(DraftFactory.build() for _ in range(20)))
        swap(3, 250)
        EventRow.objects.filter(seq=7).update(seq=9000)
        EventRow.objects.filter(seq__in=(20, 299)).delete()
        EventRow.objects.filter(seq=30).update(seq=None)
        EventRow.objects.filter(seq=40).update(human="H3", terms=" ghost ")
        first, second, *_ = (
            EventRow.objects.filter(seq=None).exclude(event=at(30)).order_by("event")
        )
        EventRow.objects.filter(event=first.event).update(seq=400)
        EventRow.objects.filter(event=second.event).delete()
        Rollup.objects.filter(grain=24).update(n=F("n") + 1)
        row = EventRow.objects.get(seq=50)
        row.event, row.seq = UUID(int=1), 777
        row.save(force_insert=True)
        assert verify.run().problems
        assert projection.rebuild(batch=64) == 320
        everything_holds()
        sequencer.run_once()
        everything_holds()

    pool.submit(closing(rebuilt)).result()


def swap(one: int, other: int) -> None:
    """Exchange the numbers of two rows."""
    for before, after in ((one, -1), (other, one), (-1, other)):
        EventRow.objects.filter(seq=before).update(seq=after)


def at(seq: int) -> UUID:
    found: UUID = Entry.objects.values_list("event", flat=True).get(seq=seq)
    return found


def unfinished() -> list[str]:
    """Tables that a rebuild needs only while it lasts."""
    return [name for name in connection.introspection.table_names() if "rebuilt" in name]


class Killed(Exception):
    """Somebody stopped the process."""


def test_no_word_of_an_erased_person_stays_in_what_a_killed_rebuild_left(
    pool: ThreadPoolExecutor,
) -> None:
    reads = 0

    def kill(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        nonlocal reads
        reads += "audit_openings" in sql
        if reads > 2:
            raise Killed
        return execute(sql, params, many, context)

    def erased() -> None:
        record(OLU, "skill.blocked", reason="xylophone")
        history()
        with pytest.raises(Killed), connection.execute_wrapper(kill):
            projection.rebuild(batch=100)
        assert bool(unfinished()) == (connection.vendor == "sqlite")
        erase_person(OLU.key)
        assert unfinished() == []
        assert projection.rebuild() == 301
        everything_holds()

    pool.submit(closing(erased)).result()


def test_the_command_says_who_is_in_its_way(pool: ThreadPoolExecutor) -> None:
    held, ended = threading.Event(), threading.Event()

    def erasing() -> None:
        with process_locks.alone("erasing"):
            held.set()
            ended.wait(PATIENCE_S)

    def refused() -> None:
        history(2)
        with pytest.raises(process_locks.Busy, match="another process held the erasing lock"):
            projection.rebuild(wait_s=0.1)
        ended.set()
        assert projection.rebuild() == 2

    other = pool.submit(closing(erasing))
    assert held.wait(PATIENCE_S)
    pool.submit(closing(refused)).result()
    other.result()
