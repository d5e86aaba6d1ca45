"""Words of a batch are found once it is written, and none wait in PostgreSQL's pending list."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from django.db import connection
from pytest_django.plugin import DjangoDbBlocker

from audit.ingest.bulk_event_writer import Ingest, made
from audit.ledger.query import EventQuery
from audit.recording.record import prepared
from audit.search import event_search, fulltext_index
from audit.sequencing import sequencer
from tests.audit.factories import DraftFactory
from tests.audit.own_database import own_database

pytestmark = pytest.mark.django_db


@pytest.fixture
def _django_db_helper(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """No transaction of the test's: batches are durable when they are written."""
    with django_db_blocker.unblock():
        yield


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[Callable[[Callable[[], None]], None]]:
    """Runs a job in a thread, on a database of its own."""

    def run(job: Callable[[], None]) -> None:
        def closing() -> None:
            try:
                job()
            finally:
                connection.close()

        with ThreadPoolExecutor(1) as thread:
            thread.submit(closing).result()

    with own_database(tmp_path):
        yield run


def ingested(writer: Ingest, reason: str) -> None:
    some = [DraftFactory.build(reason=reason) for _ in range(300)]
    assert writer.write(made(prepared(some)))


def found(word: str) -> int:
    return event_search.page(EventQuery.from_bar(word)).total.count


def pages_in_the_list() -> int:
    if connection.vendor != "postgresql":
        return 0
    with connection.cursor() as cursor:
        cursor.execute("SELECT gin_clean_pending_list(%s::regclass)", [fulltext_index.PG_INDEX])
        (pages,) = cursor.fetchone()
        return int(pages)


def test_what_was_written_is_found_at_once_and_no_words_wait_in_the_list(
    alone: Callable[[Callable[[], None]], None],
) -> None:
    def job() -> None:
        sequencer.run_once()
        writer = Ingest()
        for reason in ("zanzibar", "pemba"):
            ingested(writer, reason)
            assert found(reason) == 300
            assert pages_in_the_list() == 0
        assert found("zanzibar pemba") == 0 and found("zanzibar") == 300

    alone(job)
