"""Two writers and a sequencer, each with a connection of its own, while a reader turns pages.

What was there when the reader began is read once, whatever comes and gets its place meanwhile.
`test_pages_hold_while_events_arrive` tries every moment of one page; here nobody chooses them.
"""

from __future__ import annotations

import random
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, replace
from itertools import count
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.models import Q
from pytest_django.plugin import DjangoDbBlocker

from audit import clock
from audit.db import bulk_insert
from audit.ledger.query import EventQuery
from audit.ledger.tree_edge import GrowingTree
from audit.models import Event, EventRow, Openings
from audit.recording.record import Draft, Prepared, prepared, record, write
from audit.search import (
    event_search,
    exact_or_estimated_matches,
    rollups,
    search_sql,
)
from audit.sequencing import sequencer, stored_tree_queries
from tests.audit.factories import DraftFactory
from tests.audit.ingesting import ingest
from tests.audit.own_database import own_database
from tests.support.recording import record_many

pytestmark = pytest.mark.django_db
WALKS = ("", "exfil* -instance:edge-2", "order:oldest", "order:oldest documents")
WALKED = 10  # by each of them
LIMIT = 6
FAR = 20  # places below the newest of all; there a walk begins or ends
WITHIN_S = 120


@dataclass
class House:
    """Who works beside the reader: each page lets them do a little more, at the same time."""

    may_write: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    may_sequence: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    over: threading.Event = field(default_factory=threading.Event)

    def write(self, seed: int) -> None:
        """Record some events at a time, until it is over."""
        pick = random.Random(seed)
        while self.may_write.acquire(timeout=WITHIN_S) and not self.over.is_set():
            with transaction.atomic():
                list(record_many(DraftFactory.build() for _ in range(pick.randint(1, 6))))
                if connection.vendor == "postgresql":  # where others are not kept waiting by it
                    self.over.wait(pick.choice((0, 0, 0.005)))

    def sequence(self) -> None:
        """Give places to what waits, until it is over."""
        worker = sequencer.Sequencer()
        while self.may_sequence.acquire(timeout=WITHIN_S) and not self.over.is_set():
            worker.run_once(sweep=False)

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Two writers and a sequencer in threads; what they raise is raised here."""
        jobs: list[Callable[[], None]] = [
            lambda: self.write(1), lambda: self.write(2), self.sequence,
        ]  # fmt: skip
        with ThreadPoolExecutor(len(jobs)) as threads:
            running = [threads.submit(closing(job)) for job in jobs]
            try:
                yield
            finally:
                self.over.set()
                self.may_write.release(2)
                self.may_sequence.release()
        for each in running:
            each.result()


def closing(job: Callable[[], None]) -> Callable[[], None]:
    """Do it and close the connection that the thread opened."""

    def done() -> None:
        try:
            job()
        finally:
            connection.close()

    return done


@pytest.fixture
def _django_db_helper(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """The mark makes the test database. The transaction that pytest-django would open in it has
    nothing to roll back here, and would keep a server from copying it."""
    with django_db_blocker.unblock():
        yield


@pytest.fixture(params=["counted", "sampled"])
def shared(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[None]:
    """A database for several threads, also as if it held too much to be counted."""
    if request.param == "sampled":
        monkeypatch.setattr(search_sql, "CAP", 20)
        monkeypatch.setattr(exact_or_estimated_matches, "_FAR", 30)
        monkeypatch.setattr(exact_or_estimated_matches, "RUNS", 5)
        monkeypatch.setattr(exact_or_estimated_matches, "RUN", 3)
    patience = sys.getswitchinterval()
    sys.setswitchinterval(0.0005)  # threads take turns more often, so more moments are met
    try:
        with own_database(tmp_path):
            yield
    finally:
        sys.setswitchinterval(patience)


def test_what_was_there_is_read_once_while_others_write_and_sequence(shared: None) -> None:
    with ThreadPoolExecutor(1) as reader:
        reader.submit(closing(read_beside_the_others)).result()


@pytest.mark.parametrize("at_once", [False, True], ids=["sequenced", "ingested"])
def test_an_older_event_that_comes_to_light_meanwhile_gets_its_place_first(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, at_once: bool
) -> None:
    """Its writer was slower; a reader who saw both waiting is not to meet it behind the other."""
    if connection.vendor == "sqlite":
        pytest.skip("while places are given nobody else writes")
    with own_database(tmp_path), ThreadPoolExecutor(1) as writer:
        older = prepared([DraftFactory.build()])
        some = [DraftFactory.build() for _ in range(3)]
        sequencer.run_once()
        if not at_once:
            newer = list(record_many(some))
        real = rollups.add_range

        def while_places_are_given(first: int, end: int) -> None:
            monkeypatch.setattr(rollups, "add_range", real)
            writer.submit(closing(lambda: write(older))).result()
            real(first, end)

        monkeypatch.setattr(rollups, "add_range", while_places_are_given)
        if at_once:
            newer = ingest(some)
        else:
            sequencer.run_once()
        placed = EventRow.objects.order_by("seq").values_list("event", flat=True)
        assert list(placed) == [older[0].id, *newer]
        connection.close()


@pytest.mark.parametrize("at_once", [False, True], ids=["sequenced", "ingested"])
def test_an_older_event_that_comes_between_reading_and_writing_gets_its_place_first(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, at_once: bool
) -> None:
    """A batch is read before the transaction that writes its places, on both engines."""

    def placed() -> None:
        older = prepared([DraftFactory.build()])
        some = [DraftFactory.build() for _ in range(3)]
        sequencer.run_once()
        newer = [] if at_once else list(record_many(some))
        real = GrowingTree.extend

        def once_it_was_read(tree: GrowingTree, leaves: Iterable[bytes]) -> Any:
            monkeypatch.setattr(GrowingTree, "extend", real)
            another.submit(closing(lambda: write_now(older))).result()
            return real(tree, leaves)

        monkeypatch.setattr(GrowingTree, "extend", once_it_was_read)
        if at_once:
            newer = ingest(some)
        else:
            sequencer.run_once()
        given = EventRow.objects.filter(seq__isnull=False).order_by("seq")
        found = given.values_list("event", flat=True)
        assert list(found) == [older[0].id, *newer]

    with own_database(tmp_path), ThreadPoolExecutor(1) as one, ThreadPoolExecutor(1) as another:
        one.submit(closing(placed)).result()


def test_an_event_is_written_whole_or_not_at_all_without_a_transaction_too(tmp_path: Path) -> None:
    """On PostgreSQL one statement writes it, and nobody opens a transaction for that."""

    def twice() -> None:
        (draft,) = [DraftFactory.build(id=clock.uuid7(), reason="because")]
        again = replace(draft, reason="otherwise")
        (rows,) = prepared([draft])
        bulk_insert.insert_values(EventRow, [rows.row])  # the last of the three is refused
        with pytest.raises(IntegrityError):
            record_one(again)
        record_one(replace(draft, id=None))
        assert Event.objects.count() == Openings.objects.values("event").distinct().count() == 1

    with own_database(tmp_path), ThreadPoolExecutor(1) as one:
        one.submit(closing(twice)).result()


def record_one(draft: Draft) -> None:
    """As a door of the portal does."""
    given = {field.name: getattr(draft, field.name) for field in fields(draft)}
    record(given.pop("actor"), given.pop("action"), **given)


def write_now(rows: list[Prepared]) -> None:
    """Write what was prepared a while ago."""
    with transaction.atomic():
        write(rows)


def read_beside_the_others() -> None:
    """Walk through the pages, newest and oldest first, while the others are at work."""
    house, pick = House(), random.Random(3)
    list(record_many(DraftFactory.build() for _ in range(2 * FAR)))
    sequencer.run_once()
    with house.at_work():
        until = time.monotonic() + WITHIN_S
        for walked in count():
            # A busy machine lets the others do less: then there are more walks.
            enough = walked >= WALKED and stored_tree_queries.stored_size() > 10 * FAR
            if enough or time.monotonic() > until:
                break
            for bar in WALKS:
                walk(EventQuery.from_bar(bar), house, pick)
    assert stored_tree_queries.stored_size() > 10 * FAR, "nobody wrote, or nothing got its place"


def walk(query: EventQuery, house: House, pick: random.Random) -> None:
    """Read the newest events of a filter that all of them match, page by page."""
    floor, newest = stored_tree_queries.stored_size() - FAR, query.order == "newest"
    recent = EventRow.objects.filter(Q(seq__gte=floor) | Q(seq=None))
    there = set(recent.values_list("event", flat=True))
    cursor = "" if newest else f"s{floor - 1}"
    found: list[EventRow] = []
    while True:
        if len(found) < len(there):  # who reads towards the newest has to arrive some time
            house.may_write.release()
        if pick.random() < 0.3:
            house.may_sequence.release()
        page = as_page_or_api(query.at(cursor), pick)
        found += page.rows
        cursor = page.next_cursor
        if not cursor or (newest and page.rows[-1].seq is not None and page.rows[-1].seq < floor):
            break
    hold(found, there, newest=newest)


def as_page_or_api(query: EventQuery, pick: random.Random) -> event_search.Page:
    """One page as the audit page reads it, or as the API does."""
    if pick.random() < 0.5:
        return event_search.overview(query, LIMIT).page
    return event_search.page(query, LIMIT)


def hold(found: list[EventRow], there: set[UUID], *, newest: bool) -> None:
    """What was there is among it, nothing is there twice, and it is in order."""
    events = [row.event for row in found]
    assert len(events) == len(set(events)), "an event was read twice"
    assert there <= set(events), "an event was skipped"
    places = [row.seq for row in found if row.seq is not None]
    assert places == sorted(places, reverse=newest), "the order is broken"
