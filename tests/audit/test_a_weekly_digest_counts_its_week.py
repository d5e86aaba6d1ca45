"""What a weekly digest counts, and what its links open."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from django.conf import settings as django_settings
from django.http import QueryDict

from audit.ledger.query import EventQuery
from audit.models import SavedView
from audit.recording.actors import Actor
from audit.saved_views import changes, weekly_digest_schedule
from audit.saved_views.changes import Wanted
from audit.search import event_search
from tests.audit.browsing import browser_of
from tests.audit.factories import MIA, OLU
from tests.audit.weekly_digests import (
    BEFORE,
    IN_THE_WEEK,
    MONDAY,
    Clock,
    events,
    owner_before_the_week,
    send_due,
    weekly,
    weekly_less,
)
from tests.support.mailbox import Mailbox

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada(db: None, set_clock: Clock) -> Actor:
    """An auditor whom the directory knows, before the week of these tests ends."""
    return owner_before_the_week(set_clock)


def test_one_letter_names_each_weekly_view_with_its_new_rows_and_nothing_of_them(
    ada: Actor, mailbox: Mailbox, set_clock: Clock
) -> None:
    refusals = weekly(ada)
    blocks = weekly(ada, "Blocks", "action:skill.blocked")
    changes.keep(ada, Wanted("Silent", EventQuery.from_bar("via:web")))
    events(*[IN_THE_WEEK] * 3, reason="the token of the payroll", data={"connection": "github"})
    set_clock(MONDAY)
    assert send_due() == 1
    [letter] = mailbox.letters
    said = letter.get_content()
    assert mailbox.recipients == [ada.email]
    assert letter["Subject"] == ("Weekly digest of your saved views: 23 Nov 2026 to 29 Nov 2026")
    url = f"{django_settings.PORTAL_URL}/audit/views"
    assert said.splitlines()[2:8] == [
        "    Blocks", "New rows    0", f"{url}/{blocks.id}/open/?week=2026-11-23", "",
        "    Refusals", "New rows    3",
    ]  # fmt: skip
    assert f"{url}/{refusals.id}/open/?week=2026-11-23" in said.splitlines()
    for secret in ("payroll", "github", MIA.name, MIA.email, "token.refused", "Silent"):
        assert secret not in said


def test_the_link_opens_the_view_with_the_week_that_was_counted(ada: Actor) -> None:
    view = weekly_less(ada, "outcome:denied")
    answer = browser_of(ada).get(f"/audit/views/{view.id}/open/?week=2026-11-23")
    assert answer["Location"] == "/audit/?outcome=denied&after=2026-11-23&before=2026-11-30"
    for other, status in ((OLU, 404), (MIA, 403)):
        answer = browser_of(other).get(f"/audit/views/{view.id}/open/?week=2026-11-23")
        assert answer.status_code == status


@pytest.mark.parametrize("week", ["", "2026-11-24", "20261123", "last", "9999-12-27", "1999-12-27"])
def test_a_link_with_no_monday_opens_no_unfiltered_list(ada: Actor, week: str) -> None:
    view = weekly_less(ada, "outcome:denied")
    answer = browser_of(ada).get(f"/audit/views/{view.id}/open/", {"week": week})
    assert answer.status_code == 404


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", 2),
        ("after:2026-11-27", 1),
        ("before:2026-11-27", 1),
        ("after:2026-12-01", 0),
        ("-after:2026-11-27", 1),
        ("-before:2026-11-27", 1),
        ("after:2026-11-27 after:2026-11-01", 2),
    ],
)
def test_dates_of_a_filter_hold_within_the_week(db: None, text: str, found: int) -> None:
    days = (20, 24, 28, 30)
    events(*(datetime(2026, 11, day, 12, tzinfo=UTC) for day in days))
    query = weekly_digest_schedule.query_of_week(EventQuery.from_bar(text), date(2026, 11, 23))
    assert event_search.total(query).count == found


@pytest.mark.parametrize("written", ["today", "1d", "7d"])
def test_a_relative_range_begins_where_it_did_when_the_week_began(
    ada: Actor, mailbox: Mailbox, set_clock: Clock, written: str
) -> None:
    set_clock(BEFORE)
    browser = browser_of(ada)
    form = {"name": "Lately", "bar": f"after:{written}", "notify": "weekly"}
    browser.post("/audit/views/new/", form)
    view = SavedView.objects.get()
    assert view.filter == f"after:{written}"
    events(IN_THE_WEEK)
    set_clock(MONDAY)
    send_due()
    assert "New rows    1" in mailbox.letters[0].get_content()
    for later in (0, 9):
        set_clock(MONDAY + timedelta(days=later))
        answer = browser.get(f"/audit/views/{view.id}/open/?week=2026-11-23")
        assert "-before=2026-11-23" in answer["Location"] and written not in answer["Location"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("before:today", 7),
        ("before:yesterday", 6),
        ("before:36h", 6),
        ("-after:yesterday", 6),
        ("after:3d before:yesterday", 6),
        ("before:2026-11-25 before:yesterday", 6),
    ],
)
def test_the_link_lists_what_was_counted_whenever_it_is_opened(
    ada: Actor, mailbox: Mailbox, set_clock: Clock, text: str, found: int
) -> None:
    view = weekly(ada, text=text)
    events(*(datetime(2026, 11, 23, 11, tzinfo=UTC) + timedelta(days=day) for day in range(8)))
    set_clock(MONDAY + timedelta(days=1))
    send_due()
    assert f"New rows    {found}" in mailbox.letters[0].get_content()
    opened = set()
    for later in (-1, 0, 1, 9):
        set_clock(MONDAY + timedelta(days=later))
        answer = browser_of(ada).get(f"/audit/views/{view.id}/open/?week=2026-11-23")
        opened.add(answer["Location"])
    [location] = opened
    query = EventQuery.from_params(QueryDict(location.partition("?")[2]))
    assert not query.errors and event_search.total(query).count == found
