"""Pages are walked while others write and sequence: nothing is skipped, nothing comes twice.

Whatever other processes do happens between two statements of ours. So here it is done before the
first, the second, the third … statement of each page: every moment once, none by chance.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from itertools import count
from typing import Any

import pytest
from django.db import connection

from audit import clock
from audit.ledger.query import EventQuery
from audit.models import EventRow
from audit.search import event_search, exact_or_estimated_matches, search_sql
from audit.sequencing import sequencer
from tests.audit.factories import DraftFactory
from tests.support.recording import record_many

pytestmark = pytest.mark.django_db
FILTERS = ("", "exfil* -instance:edge-2")


def write(n: int) -> None:
    list(record_many(DraftFactory.build() for _ in range(n)))


@contextmanager
def before_statement(number: int, act: Callable[[], Any]) -> Iterator[list[int]]:
    """Do something before the statement of that number; the list tells how many there were."""
    seen = [0]

    def wrapper(execute: Callable[..., Any], *args: Any) -> Any:
        seen[0] += 1
        if seen[0] == number:
            act()
        return execute(*args)

    with connection.execute_wrapper(wrapper):
        yield seen


@pytest.fixture(params=["counted", "sampled"])
def trail(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """24 events in the log and 9 that wait, also as if they were too many to count."""
    if request.param == "sampled":
        monkeypatch.setattr(search_sql, "CAP", 4)
        monkeypatch.setattr(exact_or_estimated_matches, "_FAR", 10)
        monkeypatch.setattr(exact_or_estimated_matches, "RUNS", 5)
        monkeypatch.setattr(exact_or_estimated_matches, "RUN", 3)
    write(24)
    sequencer.run_once()
    write(9)
    return {str(id) for id in EventRow.objects.values_list("event", flat=True)}


def arrive() -> None:
    """What waits gets its place, and something new waits."""
    sequencer.Sequencer().run_once(sweep=False)
    write(2)


def page_rows(query: EventQuery, surrounded: bool) -> event_search.Page:
    return (
        event_search.overview(query, limit=8).page
        if surrounded
        else event_search.page(query, limit=8)
    )


@pytest.mark.parametrize("surrounded", [True, False], ids=["page", "api"])
@pytest.mark.parametrize("bar", [*FILTERS, *(f"order:happened {bar}" for bar in FILTERS)])
def test_newest_first_shows_all_that_was_there_once(
    trail: set[str], bar: str, surrounded: bool
) -> None:
    for moment in count(1):
        there = {str(id) for id in EventRow.objects.values_list("event", flat=True)}
        found: list[str] = []
        cursor, reached = "", False
        while True:
            with before_statement(moment, arrive) as seen:
                page = page_rows(EventQuery.from_bar(bar).at(cursor), surrounded)
            reached = reached or seen[0] >= moment
            found += [str(row.event) for row in page.rows]
            if not page.next_cursor:
                break
            cursor = page.next_cursor
        assert len(found) == len(set(found)), moment
        assert there <= set(found), moment
        if not reached:
            return
        assert moment < 12, "a page asks too much"


@pytest.mark.parametrize("bar", ["", "documents"])
def test_oldest_first_shows_each_event_once_and_in_order(trail: set[str], bar: str) -> None:
    for moment in range(1, 8):
        query = EventQuery.from_bar(f"order:oldest {bar}")
        found: list[str] = []
        cursor = ""
        for _ in range(40):
            with before_statement(moment, arrive if len(found) < 40 else list):
                page = event_search.overview(query.at(cursor), limit=8).page
            found += [str(row.event) for row in page.rows]
            if not page.next_cursor:
                break
            cursor = page.next_cursor
        assert len(found) == len(set(found)), moment
        sequencer.run_once()
        places = {str(id): seq for id, seq in EventRow.objects.values_list("event", "seq")}
        assert [places[id] for id in found] == list(range(len(found))), moment


@pytest.mark.parametrize("bar", ["", "documents"])
def test_earliest_first_shows_each_event_once_and_in_order_of_time(
    trail: set[str], bar: str
) -> None:
    """Some are reported late, which puts them before others that were recorded earlier."""
    late = clock.now() - timedelta(days=3)
    list(record_many(DraftFactory.build(time=late) for _ in range(12)))  # all of one moment
    for moment in range(1, 8):
        there = {str(id) for id in EventRow.objects.values_list("event", flat=True)}
        query = EventQuery.from_bar(f"order:happened-oldest {bar}")
        found: list[EventRow] = []
        cursor = ""
        for _ in range(40):
            with before_statement(moment, arrive if len(found) < 60 else list):
                page = event_search.overview(query.at(cursor), limit=8).page
            found += page.rows
            if not page.next_cursor:
                break
            cursor = page.next_cursor
        ids = [str(row.event) for row in found]
        assert len(ids) == len(set(ids)), moment
        assert there <= set(ids), moment
        moments = [(row.time, row.event) for row in found]
        assert moments == sorted(moments), moment
        sequencer.run_once()


@pytest.mark.parametrize("bar", ["", "documents"])
def test_a_cursor_that_is_placed_past_the_known_tree_leads_on(trail: set[str], bar: str) -> None:
    """More get their places than a sample of the tree looked at before can tell of."""
    query = EventQuery.from_bar(f"order:oldest {bar}")
    for moment in range(1, 8):
        write(30)
        last = EventRow.objects.order_by("event").last()
        assert last is not None
        with before_statement(moment, arrive):
            page = event_search.page(query.at(f"p{last.event.hex}"), limit=50)
        assert all(row.event > last.event for row in page.rows), moment
