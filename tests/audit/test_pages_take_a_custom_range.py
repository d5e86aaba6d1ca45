"""The form of the range on the trail: dates, times and relative dates, without JavaScript."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape
from urllib.parse import parse_qs, urlsplit

import pytest
from django.core.cache import cache
from django.test import Client

from audit import clock
from audit.sequencing import sequencer
from tests.audit.browsing import browser_of, text_of
from tests.audit.factories import ADA, MIA, NOON, DraftFactory
from tests.audit.test_pages_trail import links, shown
from tests.support.recording import record_many


@pytest.fixture
def ada(db: None) -> Client:
    cache.clear()
    list(record_many(DraftFactory.build(time=NOON + timedelta(days=n)) for n in range(3)))
    sequencer.run_once()
    return browser_of(ADA)


def send(ada: Client, start: str, end: str, **rest: str | list[str]) -> dict[str, list[str]]:
    """Send the form and return the parameters of the page that it leads to."""
    answer = ada.get("/audit/", {"range-from": start, "range-before": end, **rest})
    assert answer.status_code == 302, text_of(answer)
    return parse_qs(urlsplit(answer["Location"]).query)


def values(page: str) -> list[str]:
    found = re.findall(r'<input id="range-[a-z]+"[^>]* value="([^"]*)"', page)
    return [unescape(value) for value in found]


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("2026-11-27", "2026-11-27"),
        (" 2026-11-27  09:30 ", "2026-11-27T09:30:00Z"),
        ("2026-11-27T09:30", "2026-11-27T09:30:00Z"),
        ("2026-11-27 09:30:15", "2026-11-27T09:30:15Z"),
        ("2026-11-27 09:30+02:00", "2026-11-27T09:30:00+02:00"),
        ("2026-11-27T09:30:00.5Z", "2026-11-27T09:30:00.5Z"),
    ],
)
def test_dates_and_times_become_the_filter(ada: Client, typed: str, meant: str) -> None:
    assert send(ada, typed, "2027-01-01") == {"after": [meant], "before": ["2027-01-01"]}
    assert send(ada, "2001-01-01", typed) == {"after": ["2001-01-01"], "before": [meant]}


def test_relative_dates_are_taken(ada: Client) -> None:
    assert send(ada, "7d", "Today") == {"after": ["7d"], "before": ["today"]}
    page = text_of(ada.get("/audit/", {"after": "7d", "before": "12h"}))
    assert values(page) == ["7d", "12h"]


def test_an_empty_field_leaves_its_end_open(ada: Client) -> None:
    assert send(ada, "2026-11-27", "") == {"after": ["2026-11-27"]}
    assert send(ada, "", "2026-11-27") == {"before": ["2026-11-27"]}
    assert send(ada, " ", "", after="2026-01-01", actor=MIA.email) == {"actor": [MIA.email]}


def test_the_range_takes_the_place_of_another_and_keeps_the_rest(ada: Client) -> None:
    rest: dict[str, str | list[str]] = {
        "outcome": ["denied", "success"],
        "rows": "operations",
        "order": "oldest",
    }
    times: dict[str, str | list[str]] = {
        "after": "2026-01-01",
        "-before": "2025-01-01",
        "before": "2026-02-01",
    }
    assert send(ada, "2026-11-27", "2026-11-28", **rest, **times) == {
        "outcome": ["denied", "success"], "rows": ["operations"], "order": ["oldest"],
        "after": ["2026-11-27"], "before": ["2026-11-28"],
    }  # fmt: skip


@pytest.mark.parametrize("typed", ["27.11.2026", "2026-02-30", "soon", "7w", "2026-11-27 24:61"])
@pytest.mark.parametrize("name", ["range-from", "range-before"])
def test_what_is_no_date_is_said_at_its_field_and_the_rest_stays(
    ada: Client, name: str, typed: str
) -> None:
    other = "range-before" if name == "range-from" else "range-from"
    answer = ada.get("/audit/", {name: typed, other: "2026-11-27", "actor": MIA.email})
    page = text_of(answer)
    assert answer.status_code == 422 and not shown(page)
    assert f"“{typed}” is not a date or time. Use a date such as 2026-11-27" in unescape(page)
    assert sorted(values(page)) == sorted([typed, "2026-11-27"])
    assert re.search(rf'id="{name}"[^>]*aria-invalid="true" aria-describedby="{name}-error"', page)
    assert not re.search(r"<input [^>]*data-query[^>]*aria-invalid", page)
    assert f'<input type="hidden" name="actor" value="{MIA.email}">' in page
    (url,) = links(page, "Leave it out")
    assert parse_qs(urlsplit(url).query) == {"actor": [MIA.email]}


@pytest.mark.parametrize(
    ("start", "end"),
    [("2026-11-28", "2026-11-27"), ("2026-11-27", "2026-11-27 00:00"), ("today", "7d")],
)
def test_a_range_the_wrong_way_round_is_said(ada: Client, start: str, end: str) -> None:
    answer = ada.get("/audit/", {"range-from": start, "range-before": end})
    assert answer.status_code == 422
    assert "Before: This must be later than From." in text_of(answer)
    assert values(text_of(answer)) == [start, end]


def test_a_bad_range_is_exported_by_no_one(ada: Client) -> None:
    answer = ada.get("/audit/exports/new/", {"range-from": "soon", "actor": MIA.email})
    assert answer.status_code == 302 and answer["Location"].startswith("/audit/?range-from=soon")


def test_the_form_shows_the_range_of_the_filter(ada: Client) -> None:
    asked = {"after": "2026-11-27", "before": "2026-11-28T09:30:00+01:00"}
    page = text_of(ada.get("/audit/", asked))
    assert values(page) == ["2026-11-27", "2026-11-28 08:30"]
    assert 'aria-current="true">Custom range<' in page
    assert values(text_of(ada.get("/audit/"))) == ["", ""]
    assert values(text_of(ada.get("/audit/", {"after": ["2026-11-27", "2026-11-28"]})))[0] == ""


def test_a_period_on_offer_is_no_custom_range(ada: Client) -> None:
    week = f"{clock.now() - timedelta(days=7):%Y-%m-%d}"
    page = text_of(ada.get("/audit/", {"after": week}))
    assert 'aria-current="true">Last 7 days<' in page
    assert 'aria-current="true">Custom range<' not in page


def test_a_period_with_an_end_is_a_custom_range_and_its_link_leaves_the_end_out(
    ada: Client,
) -> None:
    week = f"{clock.now() - timedelta(days=7):%Y-%m-%d}"
    end = f"{clock.now() - timedelta(days=3):%Y-%m-%d}"
    page = text_of(ada.get("/audit/", {"after": week, "before": end, "actor": MIA.email}))
    assert 'aria-current="true">Last 7 days<' not in page
    assert 'aria-current="true">Custom range<' in page
    (url,) = links(page, "Last 7 days")
    assert parse_qs(urlsplit(url).query) == {"after": ["7d"], "actor": [MIA.email]}
