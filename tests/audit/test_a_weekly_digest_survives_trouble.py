"""Counts that fail or take long, mail servers that are away, and crashes."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings as django_settings

from approvals import clock
from approvals.models import Person
from approvals.notifications import saved_view_weekly_digest
from audit.models import ViewNotification, WeeklyDigest
from audit.recording.actors import Actor
from portal.mail_settings import mailer
from tests.audit.browsing import browser_of, text_of
from tests.audit.weekly_digests import (
    BLOCKS,
    IN_THE_WEEK,
    MONDAY,
    Clock,
    at_each_count,
    events,
    fail,
    fail_blocks,
    owner_before_the_week,
    send_due,
    weekly,
    words,
)
from tests.support.mailbox import Mailbox
from tests.support.sweeping import due_pieces

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada(db: None, set_clock: Clock) -> Actor:
    """An auditor whom the directory knows, before the week of these tests ends."""
    return owner_before_the_week(set_clock)


@pytest.mark.parametrize("refusals", [0, 1])
def test_a_count_that_takes_minutes_ends_in_one_letter(
    ada: Actor, mailbox: Mailbox, set_clock: Clock, refusals: int
) -> None:
    for name in ("One", "Two", "Three", "Four"):
        weekly(ada, name)
    events(IN_THE_WEEK)
    set_clock(MONDAY)
    mailbox.refusals = refusals
    others: list[int] = []

    def slowly(params: Any) -> None:
        set_clock(clock.now() + timedelta(seconds=50))
        others.append(len(due_pieces(saved_view_weekly_digest.LETTERS)))

    [piece] = due_pieces(saved_view_weekly_digest.LETTERS)
    with at_each_count(slowly):
        piece()
    assert len(others) >= 4 and sum(others) == 0, "another worker takes it meanwhile"
    assert WeeklyDigest.objects.get().lease is None
    set_clock(clock.now() + timedelta(seconds=6))
    assert send_due() == refusals
    assert len(mailbox.letters) == 1


def test_a_view_whose_count_fails_is_named_and_the_others_are_sent(
    ada: Actor, mailbox: Mailbox, set_clock: Clock
) -> None:
    bad, good = weekly(ada, "Blocks", BLOCKS), weekly(ada)
    events(IN_THE_WEEK)
    set_clock(MONDAY)
    with at_each_count(fail_blocks):
        send_due()
    lines = mailbox.letters[0].get_content().splitlines()
    said = lines.index("Could not be counted this week. Open it:")
    assert lines[said - 1] == "    Blocks"
    assert lines[said + 1] == (
        f"{django_settings.PORTAL_URL}/audit/views/{bad.id}/open/?week=2026-11-23"
    )
    assert "New rows    1" in lines
    row = ViewNotification.objects.get(view=bad)
    assert row.detail == "Its new rows could not be counted: OperationalError." and not row.sent
    assert ViewNotification.objects.get(view=good).sent is not None
    assert send_due() == 0


def test_a_view_that_was_not_counted_is_named_though_no_other_gained_a_row(
    ada: Actor, mailbox: Mailbox, set_clock: Clock
) -> None:
    weekly(ada, "Blocks", BLOCKS), weekly(ada)
    set_clock(MONDAY)
    with at_each_count(fail_blocks):
        send_due()
    assert "Could not be counted this week" in mailbox.letters[0].get_content()


def test_where_every_count_fails_it_is_tried_later_and_the_list_says_why(
    ada: Actor, mailbox: Mailbox, set_clock: Clock
) -> None:
    weekly(ada), weekly(ada, "Blocks", BLOCKS)
    events(IN_THE_WEEK)
    set_clock(MONDAY)
    waits = []
    with at_each_count(fail):
        for tried in range(1, 14):
            assert send_due() == 1
            row = WeeklyDigest.objects.get()
            assert row.attempts == tried and row.lease is None
            waits.append((row.due - clock.now()).total_seconds())
            set_clock(row.due)
    assert waits[:3] == [5, 10, 20] and waits[-1] == 3600
    assert row.detail == "OperationalError: tried 13 times" and mailbox.letters == []
    listed = words(text_of(browser_of(ada).get("/audit/views/")))
    assert "Not sent: Its new rows could not be counted: OperationalError." in listed
    send_due()
    assert len(mailbox.letters) == 1
    assert WeeklyDigest.objects.get().attempts == 0
    assert set(ViewNotification.objects.values_list("detail", flat=True)) == {""}


def test_a_mail_server_that_is_away_delays_it_and_the_list_says_so(
    ada: Actor, mailbox: Mailbox, set_clock: Clock
) -> None:
    weekly(ada)
    events(IN_THE_WEEK)
    mailbox.refusals = 1
    set_clock(MONDAY)
    send_due()
    listed = words(text_of(browser_of(ada).get("/audit/views/")))
    assert "once a week by e-mail to you, none sent yet" in listed
    assert "Not sent: SMTPDataError: tried 1 times" in listed
    set_clock(MONDAY + timedelta(minutes=2))
    send_due()
    row = ViewNotification.objects.get()
    assert len(mailbox.letters) == 1 and (row.detail, row.sent is None) == ("", False)
    assert WeeklyDigest.objects.get().attempts == 0


@pytest.mark.parametrize("trouble", ["server", "address", "invalid"])
def test_without_mail_the_list_says_why_and_it_is_tried_again_in_an_hour(
    ada: Actor, mailbox: Mailbox, settings: Any, set_clock: Clock, trouble: str
) -> None:
    weekly(ada)
    events(IN_THE_WEEK)
    configured = settings.MAILERS
    if trouble == "server":
        settings.MAILERS = {"default": mailer("console://")}
    else:
        Person.objects.update(email="" if trouble == "address" else "jürg@acme.example")
    set_clock(MONDAY)
    send_due()
    said = {"server": "No mail server", "address": "no e-mail address", "invalid": "No letter can"}
    assert said[trouble] in ViewNotification.objects.get().detail
    assert WeeklyDigest.objects.get().due == MONDAY + timedelta(hours=1)
    settings.MAILERS = configured
    Person.objects.update(email=ada.email)
    set_clock(MONDAY + timedelta(hours=1, minutes=1))
    send_due()
    assert len(mailbox.letters) == 1 and ViewNotification.objects.get().detail == ""


def test_a_crash_before_it_is_marked_sends_again_under_the_same_id(
    ada: Actor, mailbox: Mailbox, set_clock: Clock
) -> None:
    weekly(ada)
    events(IN_THE_WEEK)
    set_clock(MONDAY)
    send_due()
    WeeklyDigest.objects.update(due=MONDAY, sent=None, lease=None)
    send_due()
    assert len({letter["Message-ID"] for letter in mailbox.letters}) == 1 < len(mailbox.letters)


def test_a_worker_that_counted_too_long_sends_nothing(
    ada: Actor, mailbox: Mailbox, set_clock: Clock
) -> None:
    weekly(ada)
    events(IN_THE_WEEK)
    set_clock(MONDAY)
    WeeklyDigest.objects.update(lease=MONDAY)
    slow = WeeklyDigest.objects.get()
    WeeklyDigest.objects.update(lease=MONDAY + timedelta(minutes=2))  # another worker took it
    saved_view_weekly_digest.work(slow)
    assert mailbox.letters == []
