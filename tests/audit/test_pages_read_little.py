"""A page asks the database eight times at most, whatever it shows.

Counted is what the page itself asks. Not counted: who is signed in (three), the look itself that is
recorded (BEGIN to COMMIT), and the frame that every page has, which is kept for two seconds.
"""

from __future__ import annotations

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from audit.models import EventRow
from audit.search import exact_or_estimated_matches, search_sql
from audit.sequencing import sequencer
from tests.audit.browsing import browser_of
from tests.audit.factories import ADA, DraftFactory
from tests.support.pages import keep_the_shell
from tests.support.recording import record_many

pytestmark = pytest.mark.django_db
NOT_OF_THE_PAGE = ("django_session", "identity_", "approvals_", "enforcement_", "connections_")
MOST = 8
URLS = (
    "/audit/",
    "/audit/?outcome=success&severity=HIGH&action=skill.*&via=web&source=portal",
    "/audit/?q=documents&instance=edge-1&outcome=success&-severity=LOW",
    "/audit/?actor=olu@acme.example&order=oldest",
    "/audit/?q=exfil*&cursor=s20",
    "/audit/?order=happened",
    "/audit/?rows=operations",
    "/audit/?rows=operations&outcome=success&severity=HIGH&action=skill.*&via=web&source=portal",
    "/audit/?rows=operations&q=documents&instance=edge-1&outcome=success&order=happened",
    "/audit/?q=documents&instance=edge-1&outcome=success&order=happened-oldest",
    "/audit/events/{event}/",
    "/audit/?q=documents&e={event}",
)


@pytest.fixture(params=["counted", "sampled"])
def browser(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Client:
    if request.param == "sampled":
        monkeypatch.setattr(search_sql, "CAP", 20)
        monkeypatch.setattr(exact_or_estimated_matches, "RUNS", 10)
    list(record_many(DraftFactory.build(operation=f"op-{n // 2}") for n in range(300)))
    sequencer.run_once()
    return browser_of(ADA)


def reads(browser: Client, url: str, *, drawer: bool = False) -> list[str]:
    headers = {"HX-Request": "true", "HX-Target": "drawer"} if drawer else {}
    browser.get("/account/")  # the frame is kept from here on
    browser.get(url, headers=headers)  # and the look was recorded
    sequencer.run_once()
    browser.get("/account/")
    with CaptureQueriesContext(connection) as seen:
        assert browser.get(url, headers=headers).status_code == 200
    asked = [query["sql"] for query in seen if query["sql"].startswith(("SELECT", "WITH"))]
    return [sql for sql in asked if not any(table in sql for table in NOT_OF_THE_PAGE)]


@pytest.fixture(autouse=True)
def _kept_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    keep_the_shell(monkeypatch)


def test_no_page_of_the_trail_asks_more_than_eight_times(browser: Client) -> None:
    event = EventRow.objects.get(seq=150).event
    for url in URLS[:-1]:
        asked = reads(browser, url.format(event=event))
        assert len(asked) <= MOST, "\n".join([url, *asked])


def test_the_drawer_asks_no_more_than_its_page(browser: Client) -> None:
    event = EventRow.objects.get(seq=150).event
    asked = reads(browser, URLS[-1].format(event=event), drawer=True)
    assert len(asked) <= MOST, "\n".join(asked)


def test_the_events_of_an_operation_are_found_by_their_index(browser: Client) -> None:
    assert EventRow.of_operation("op-7").count() == 2
    if connection.vendor == "sqlite":  # PostgreSQL scans what fits in a few pages
        assert "audit_row_story" in EventRow.of_operation("op-7").explain()
