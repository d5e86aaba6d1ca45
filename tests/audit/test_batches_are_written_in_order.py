"""Batches are written one after the other, and a row that comes again is one event."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from django.db import connection
from pytest_django.plugin import DjangoDbBlocker

from audit import importing
from audit.models import Checkpoint, Event, EventRow, ImportedRow
from audit.sequencing import sequencer, stored_tree_queries
from audit.verification import verify
from tests.audit import imports
from tests.audit.factories import DraftFactory
from tests.audit.ingesting import ingest
from tests.audit.own_database import own_database

pytestmark = pytest.mark.django_db
type Alone = Callable[[Callable[[], None]], None]


@pytest.fixture
def _django_db_helper(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """No transaction of the test's: batches are durable when they are written."""
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


def test_batches_get_their_leaves_in_order(alone: Alone) -> None:
    def job() -> None:
        ids = ingest([DraftFactory.build() for _ in range(570)], batch=250)
        placed = EventRow.objects.order_by("seq").values_list("event", flat=True)
        assert list(placed) == ids
        assert Checkpoint.objects.order_by("-id")[0].size == 570 and verify.run().ok

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
        assert (
            stored_tree_queries.stored_size() == report["imported"] == Event.objects.count() - 1
        )  # of the run
        assert verify.run().ok

    alone(job)
