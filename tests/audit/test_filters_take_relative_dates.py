"""`after:7d` means the date of seven days ago; what is kept of a filter has that date."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from audit import clock
from audit.ledger.query import EventQuery
from audit.search import filter_parsing
from tests.audit.browsing import browser_of
from tests.audit.factories import ADA

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


@pytest.mark.django_db
def test_the_bar_takes_them_and_the_address_has_the_date() -> None:
    before = clock.now()
    answer = browser_of(ADA).get("/audit/", {"bar": "after:2d"})
    (date,) = parse_qs(urlsplit(answer["Location"]).query)["after"]
    days = {f"{at - timedelta(days=2):%Y-%m-%d}" for at in (before, clock.now())}
    assert answer.status_code == 302 and date in days
