"""While a batch is made the one before is written: in order, whole, and with its failure told."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from django.db import IntegrityError, connection
from pytest_django.plugin import DjangoDbBlocker

from audit import importing, sequencer, tree, verify
from audit.beside import Beside
from audit.ingest import Ingest, Made, made
from audit.models import Checkpoint, Entry, Event, EventRow, ImportedRow
from audit.record import prepared
from tests.audit import imports
from tests.audit.factories import DraftFactory
from tests.audit.own_database import own_database

pytestmark = pytest.mark.django_db
type Alone = Callable[[Callable[[], None]], None]


@pytest.fixture
def _django_db_helper(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """No transaction of the test's: other connections write."""
    with django_db_blocker.unblock():
        yield


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[Alone]:
    """Runs a job in a thread, on a database of its own with a log that was signed here."""

    def run(job: Callable[[], None]) -> None:
        def closing() -> None:
            try:
                sequencer.run_once()
                job()
            finally:
                connection.close()

        with ThreadPoolExecutor(1) as thread:
            thread.submit(closing).result()

    with own_database(tmp_path):
        yield run


def rows_of(many: int) -> Made:
    return made(prepared([DraftFactory.build() for _ in range(many)]))


def test_batches_get_their_leaves_in_order_and_each_is_told_once_it_is_durable(
    alone: Alone,
) -> None:
    def job() -> None:
        ids, told = list[object](), list[int]()
        with Ingest() as writer:
            for many in (300, 20, 250):
                rows = rows_of(many)
                writer.begin(rows, then=lambda: told.append(Entry.objects.count()))
                ids += rows.ids
        assert told[-1] == 570 and told == sorted(told)
        assert all(count >= least for count, least in zip(told, (300, 320, 570), strict=True))
        placed = EventRow.objects.order_by("seq").values_list("event", flat=True)
        assert list(placed) == ids
        assert Checkpoint.objects.order_by("-id")[0].size == 570 and verify.run().ok

    alone(job)


def test_what_writing_a_batch_raised_is_told_and_the_next_is_not_begun(alone: Alone) -> None:
    def job() -> None:
        first = rows_of(3)
        with Ingest() as writer:
            writer.begin(first)
            again = prepared([DraftFactory.build(id=first.ids[-1])])
            with pytest.raises(IntegrityError):
                writer.begin(made([*prepared([DraftFactory.build()]), *again]))
                writer.begin(rows_of(2))
            assert tree.stored_size() == Event.objects.count() == 3
            writer.begin(rows_of(2))
        assert tree.stored_size() == 5 and verify.run().ok

    alone(job)


def test_a_failure_of_the_last_batch_is_told_at_the_end_and_hides_no_other(alone: Alone) -> None:
    def fails() -> None:
        raise RuntimeError("what comes along cannot be written")

    def job() -> None:
        with pytest.raises(RuntimeError), Ingest() as writer:
            writer.begin(rows_of(3), fails)
        with pytest.raises(KeyError), Ingest() as writer:
            if connection.vendor == "postgresql":
                writer.begin(rows_of(3), fails)
            raise KeyError
        assert tree.stored_size() == 0

    alone(job)


def test_a_row_that_comes_again_in_the_next_batch_is_one_event(
    alone: Alone, tmp_path: Path
) -> None:
    path = imports.sample(tmp_path, 8, 40)
    imports.change(
        path,
        "CREATE TABLE again AS SELECT * FROM audit_events",
        "DROP TABLE audit_events",
        "ALTER TABLE again RENAME TO audit_events",
        "INSERT INTO audit_events SELECT * FROM audit_events ORDER BY rowid DESC LIMIT 1",
    )

    def job() -> None:
        report = imports.counts(importing.run(path, "edge-1", batch=1))
        assert (report["imported"], report["duplicates"]) == (report["rows"] - 1, 1)
        assert ImportedRow.objects.count() == report["imported"]
        assert tree.stored_size() == report["imported"] == Event.objects.count() - 1  # of the run
        assert verify.run().ok

    alone(job)


def test_nothing_is_left_of_the_thread_and_python_switches_as_before() -> None:
    # By name, not by number: one that another test left may end meanwhile.
    usual, before = sys.getswitchinterval(), set(threading.enumerate())
    beside, other = Beside("one"), Beside("other")
    seen = list[float]()
    for each in (beside, other):
        each.begin(lambda: seen.append(sys.getswitchinterval()))
    beside.end()
    assert other._pool is not None and sys.getswitchinterval() < usual
    other.end()
    assert max(seen) < usual == sys.getswitchinterval()
    assert set(threading.enumerate()) <= before
    other.begin(lambda: None)
    del other, each
    assert sys.getswitchinterval() == usual and set(threading.enumerate()) <= before
