"""The list is sorted by when events happened or were recorded; files keep the order of the log."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from audit import exports, packs
from audit.ledger.query import EventQuery
from audit.models import EventRow
from audit.recording.actors import Target
from audit.search import event_search
from audit.sequencing import sequencer
from tests.audit.browsing import browser_of, text_of
from tests.audit.factories import ADA, NOON, DraftFactory
from tests.audit.test_pages_trail import links, shown
from tests.support.recording import record_many

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada() -> Client:
    """An auditor; the second event of three happened before the others."""
    days = {"first": 2, "late": 0, "third": 3}
    list(
        record_many(
            DraftFactory.build(target=Target("skill", name), time=NOON + timedelta(days=day))
            for name, day in days.items()
        )
    )
    sequencer.run_once()
    return browser_of(ADA)


def names(page: str) -> list[str]:
    return [name for each in shown(page) for name in ("first", "late", "third") if name in each]


def sorts(page: str) -> list[tuple[str, str]]:
    """Columns with the direction that they are sorted in."""
    return re.findall(r'aria-sort="(\w+)"><a [^>]*>(\w+)', page)


def test_each_column_sorts_and_turns_around(ada: Client) -> None:
    page = text_of(ada.get("/audit/?action=skill.*"))
    assert (names(page), sorts(page)) == (["third", "late", "first"], [("descending", "Recorded")])
    page = text_of(ada.get(links(page, "Happened")[0]))
    assert (names(page), sorts(page)) == (["third", "first", "late"], [("descending", "Happened")])
    assert "by when they happened, latest first" in page
    page = text_of(ada.get(links(page, "Happened")[0]))
    assert (names(page), sorts(page)) == (["late", "first", "third"], [("ascending", "Happened")])
    page = text_of(ada.get(links(page, "Recorded")[0]))
    assert (names(page), sorts(page)) == (["third", "late", "first"], [("descending", "Recorded")])
    page = text_of(ada.get(links(page, "Recorded")[0]))
    assert (names(page), sorts(page)) == (["first", "late", "third"], [("ascending", "Recorded")])


def test_the_time_that_is_sorted_by_comes_first(ada: Client) -> None:
    for path, first, other in (
        ("/audit/", "Recorded", "Happened"),
        ("/audit/?order=happened", "Happened", "Recorded"),
    ):
        page = text_of(ada.get(path))
        assert f"{other.lower()} <time" in page
        head = page.partition("data-rows")[2].partition("</thead>")[0]
        heads = re.findall(r"(?s)<th .*?</th>", head)
        assert re.findall(r'<a [^>]*title="[^>]*>(\w+)', heads[-1]) == [first, other]
        row = re.search(r"(?s)<tr><td.*?</tr>", page.partition('id="rows"')[2])
        assert row and row[0].count("<td") == len(heads), "no column is left blank"


def test_rows_stand_under_the_day_that_they_are_sorted_by(ada: Client) -> None:
    def days(page: str) -> list[str]:
        return re.findall(r'<th scope="rowgroup"[^>]*>([^<]*\d)\s?<', page)

    by_time = text_of(ada.get("/audit/?action=skill.*&order=happened-oldest"))
    moments = [NOON + timedelta(days=day) for day in (0, 2, 3)]
    assert days(by_time) == [f"{at:%A}, {at.day} {at:%b %Y}" for at in moments]
    recorded = EventRow.objects.filter(action="skill.blocked").values_list("recorded_at", flat=True)
    assert len(days(text_of(ada.get("/audit/?action=skill.*")))) == len(
        {at.date() for at in recorded}
    )


def test_recorded_is_another_name_of_newest() -> None:
    assert EventQuery.from_bar("order:recorded") == EventQuery.from_bar("order:newest")
    assert EventQuery.from_bar("order:recorded order:happened").errors


def test_pages_by_happened_follow_each_other_there_and_back(ada: Client) -> None:
    moments = (NOON + timedelta(minutes=n % 4) for n in range(120))  # many at one moment
    list(record_many(DraftFactory.build(action="token.exchanged", time=time) for time in moments))
    sequencer.run_once()
    url, seen = "/audit/?action=token.*&order=happened", []
    while url:
        page = text_of(ada.get(url))
        seen.append(re.findall(r"/audit/events/([0-9a-f-]{36})/\" hx", page))
        url = next(iter(links(page, "Older")), "")
    rows = EventRow.objects.filter(action="token.exchanged").order_by("-time", "-event")
    assert [id for ids in seen for id in ids] == [str(row.event) for row in rows]
    back = text_of(ada.get(links(page, "Newer")[0]))
    assert re.findall(r"/audit/events/([0-9a-f-]{36})/\" hx", back) == seen[1]


def test_a_cursor_of_another_order_leads_to_the_first_page(ada: Client) -> None:
    answer = ada.get("/audit/?order=happened&cursor=s1")
    assert (answer.status_code, answer["Location"]) == (302, "/audit/?order=happened")


def test_an_export_is_in_the_order_of_the_log_and_says_so(ada: Client) -> None:
    for order, said in (("happened", "newest"), ("happened-oldest", "oldest")):
        page = text_of(ada.get(f"/audit/exports/new/?action=skill.*&order={order}"))
        assert f"in which they were recorded, {said} first" in page and f", {said} first" in page
        job = exports.request(ADA, EventQuery.from_bar(f"order:{order}"), "csv")
        assert job.params.get("order", ["newest"]) == [said]
    pack = packs.of_query(EventQuery.from_bar("action:skill.* order:happened-oldest"))
    rows = EventRow.objects.filter(action="skill.blocked").order_by("seq")
    assert list(pack.ids) == [row.event for row in rows]


def test_the_list_by_happened_is_read_by_its_index(ada: Client) -> None:
    with CaptureQueriesContext(connection) as seen:
        event_search.page(EventQuery.from_bar("order:happened"))
    (asked,) = (query["sql"] for query in seen if "ORDER BY r.time" in query["sql"])
    if connection.vendor == "sqlite":  # PostgreSQL scans what fits in a few pages
        with connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN QUERY PLAN {asked}")
            plan = " ".join(str(row[-1]) for row in cursor.fetchall())
        assert "audit_row_happened" in plan and "TEMP B-TREE" not in plan
