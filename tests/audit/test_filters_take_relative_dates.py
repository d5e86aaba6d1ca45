"""`after:7d` is the date of seven days ago when it is read; addresses and views keep it as it was
written, and files have the date."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from html import unescape
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client

from audit import clock
from audit.ledger.query import EventQuery
from audit.models import SavedView
from audit.search import filter_parsing
from tests.audit.browsing import browser_of, text_of
from tests.audit.factories import ADA
from tests.audit.test_pages_trail import links

NOW = datetime(2026, 3, 1, 10, 30, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("today", "2026-03-01"),
        ("Yesterday", "2026-02-28"),
        ("7d", "2026-02-22"),
        ("12h", "2026-02-28T22:30:05Z"),
        ("2026-01-31", "2026-01-31"),
    ],
)
def test_a_relative_date_becomes_absolute(written: str, meant: str) -> None:
    for query in (
        EventQuery.from_bar(f"after:{written} -before:{written}", now=NOW),
        EventQuery.from_dict({"after": written, "-before": [written]}, now=NOW),
    ):
        assert query.values("after") == query.values("before", excluded=True) == (meant,)


@pytest.mark.parametrize("written", ["7", "d", "7w", "99999d", "-1d", "tomorrow", "٧d"])
def test_other_words_are_mistakes(written: str) -> None:
    (error,) = EventQuery.from_bar(f"after:{written}", now=NOW).errors
    assert error.key == "after" and "7d" in error.message


def test_a_filter_that_was_written_down_is_read_without_a_clock() -> None:
    assert EventQuery.from_bar("after:7d").errors


def test_words_stay_words() -> None:
    assert filter_parsing.from_bar("yesterday").values("q") == ("yesterday",)


def test_a_query_knows_what_was_written_whatever_is_added_or_left_out() -> None:
    query = EventQuery.from_bar("after:7D before:today -after:2026-01-01 outcome:denied", now=NOW)
    changed = query.including("via", "web").dropping("outcome").at("s1")
    assert changed.written_params() == {
        "via": ["web"], "after": ["7d"], "-after": ["2026-01-01"], "before": ["today"],
        "cursor": ["s1"],
    }  # fmt: skip
    assert changed.written_bar() == "via:web after:7d -after:2026-01-01 before:today"
    assert changed.relative_in_words() == "7d is 2026-02-22, today is 2026-03-01"
    assert changed.fixed().written_params() == changed.to_params()
    assert query.dropping("after").relative_in_words() == "today is 2026-03-01"
    assert query.fixed() == query and query.fixed().relative_in_words() == ""


def test_what_is_written_is_read_back_the_same() -> None:
    query = EventQuery.from_bar("after:30d -before:12h", now=NOW)
    assert EventQuery.from_bar(query.written_bar(), now=NOW) == query
    assert EventQuery.from_bar(query.to_bar()) == query
    later = EventQuery.from_bar(query.written_bar(), now=NOW + timedelta(days=1))
    assert later.values("after") == ("2026-01-31",)


@pytest.fixture
def ada(db: None) -> Client:
    return browser_of(ADA)


def asked(url: str) -> dict[str, list[str]]:
    return parse_qs(urlsplit(url).query)


def day(ago: int) -> set[str]:
    """The date of so many days ago; around midnight there are two."""
    now = clock.now()
    return {f"{now - timedelta(days=ago, minutes=late):%Y-%m-%d}" for late in (0, 5)}


def test_the_bar_takes_them_and_the_address_keeps_them(ada: Client) -> None:
    answer = ada.get("/audit/", {"bar": "after:2d"})
    assert answer.status_code == 302 and asked(answer["Location"]) == {"after": ["2d"]}
    page = text_of(ada.get(answer["Location"]))
    assert ">after:2d</a>" in page
    assert any(f"Events from {date} on" in page for date in day(2))
    assert 'name="after" value="2d"' in page  # what the bar sends along


def test_files_and_samples_have_the_dates(ada: Client) -> None:
    page = text_of(ada.get("/audit/", {"after": "2d"}))
    for label in ("Export…", "Sample…"):
        (url,) = links(page, label)
        (date,) = asked(url)["after"]
        assert date in day(2)


def test_a_view_counts_its_relative_dates_from_when_it_is_opened(ada: Client) -> None:
    (url,) = links(text_of(ada.get("/audit/")), "Last 30 days")
    dialog = text_of(ada.get(url))
    (save,) = links(dialog, "Save this view")
    assert "Relative dates count from the day that the view is opened: 30d is " in dialog
    done = ada.post(save, {"name": "A month", "shared": "no"})
    assert asked(done["Location"]) == {"after": ["30d"]}
    view = SavedView.objects.get()
    assert view.filter == "after:30d"
    opened = ada.get(f"/audit/views/{view.id}/open/")
    assert asked(opened["Location"]) == {"after": ["30d"]}
    listed = text_of(ada.get("/audit/views/"))
    assert any(f"Relative dates: 30d is {date} now." in listed for date in day(30))
    assert "after:30d" in text_of(ada.get(f"/audit/views/{view.id}/"))


def test_a_view_with_dates_keeps_them(ada: Client) -> None:
    ada.post("/audit/views/new/?after=2026-01-31", {"name": "Since January", "shared": "yes"})
    view = SavedView.objects.get()
    assert view.filter == "after:2026-01-31"
    ada.post(f"/audit/views/{view.id}/", {"name": "January", "bar": view.filter})
    view.refresh_from_db()
    assert (view.name, view.filter) == ("January", "after:2026-01-31")
    assert "Relative dates:" not in text_of(ada.get("/audit/views/"))


def test_the_poll_for_new_events_leads_back_to_the_relative_date(ada: Client) -> None:
    page = text_of(ada.get("/audit/", {"after": "2d", "live": "1"}))
    poll = re.search(r'hx-get="(/audit/live/[^"]*)"', page)
    assert poll is not None and asked(unescape(poll[1]))["after"] == ["2d"]
