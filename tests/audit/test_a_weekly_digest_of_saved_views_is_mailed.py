"""To whom a weekly digest is sent, when, and when not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.conf import settings as django_settings

from approvals import clock
from approvals.models import Person
from approvals.notifications import saved_view_notices, saved_view_weekly_digest
from audit.erasure.subject_and_store_registry import Whose
from audit.models import NotifyBy, SavedView, ViewNotification, WeeklyDigest
from audit.recording.actors import Actor
from audit.saved_views import changes, person_erasure, weekly_digest_schedule
from tests.audit.weekly_digests import (
    IN_THE_WEEK,
    MONDAY,
    Clock,
    change,
    events,
    owner_before_the_week,
    send_due,
    weekly,
)
from tests.support.mailbox import Mailbox
from tests.support.sweeping import due_pieces, sweep

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada(db: None, set_clock: Clock) -> Actor:
    """An auditor whom the directory knows, before the week of these tests ends."""
    return owner_before_the_week(set_clock)


# When


@pytest.mark.parametrize(
    ("now", "monday", "due"),
    [
        ("2026-11-29T23:59:59", "2026-11-16", "2026-11-30"),
        ("2026-11-30T06:59:59", "2026-11-16", "2026-11-30"),
        ("2026-11-30T07:00:00", "2026-11-23", "2026-12-07"),
        ("2026-12-06T23:59:59", "2026-11-23", "2026-12-07"),
        ("2026-12-31T12:00:00", "2026-12-21", "2027-01-04"),
    ],
)
def test_a_week_begins_on_monday_at_seven(now: str, monday: str, due: str) -> None:
    at = datetime.fromisoformat(f"{now}+00:00")
    assert weekly_digest_schedule.covered_week(at).isoformat() == monday
    assert weekly_digest_schedule.next_due(at) == datetime.fromisoformat(f"{due}T07:00:00+00:00")


def test_a_week_counts_from_its_first_moment_to_its_last(
    ada: Actor, mailbox: Mailbox, set_clock: Clock
) -> None:
    weekly(ada)
    start, end = datetime(2026, 11, 23, tzinfo=UTC), datetime(2026, 11, 30, tzinfo=UTC)
    instant = timedelta(microseconds=1)
    events(start - instant, start, end - instant, end)
    set_clock(MONDAY)
    send_due()
    assert "New rows    2" in mailbox.letters[0].get_content()


def test_nothing_is_sent_before_monday_at_seven_and_once_after(
    ada: Actor, mailbox: Mailbox, set_clock: Clock
) -> None:
    weekly(ada)
    events(IN_THE_WEEK)
    set_clock(MONDAY - timedelta(seconds=1))
    assert send_due() == 0 and mailbox.letters == []
    for hours in range(0, 7 * 24, 6):
        set_clock(MONDAY + timedelta(hours=hours))
        send_due()
    assert len(mailbox.letters) == 1


def test_a_worker_that_was_down_on_monday_sends_later_that_week_and_once(
    ada: Actor, mailbox: Mailbox, set_clock: Clock
) -> None:
    weekly(ada)
    events(IN_THE_WEEK, MONDAY + timedelta(days=1))
    set_clock(MONDAY + timedelta(days=3))
    send_due()
    send_due()
    [letter] = mailbox.letters
    assert "23 Nov 2026 to 29 Nov 2026" in letter["Subject"]
    set_clock(MONDAY + timedelta(days=7))
    send_due()
    assert [one["Subject"][-26:].strip() for one in mailbox.letters] == [
        "23 Nov 2026 to 29 Nov 2026", "30 Nov 2026 to 6 Dec 2026",
    ]  # fmt: skip


def test_a_week_without_new_rows_sends_nothing(
    ada: Actor, mailbox: Mailbox, set_clock: Clock
) -> None:
    weekly(ada)
    events(IN_THE_WEEK - timedelta(days=7))
    set_clock(MONDAY)
    assert send_due() == 1
    assert mailbox.letters == [] and ViewNotification.objects.get().sent is None
    assert WeeklyDigest.objects.get().due == MONDAY + timedelta(days=7)


def test_switching_it_off_and_on_sends_no_second_letter(
    ada: Actor, mailbox: Mailbox, set_clock: Clock
) -> None:
    view = weekly(ada)
    events(IN_THE_WEEK)
    set_clock(MONDAY)
    send_due()
    change(ada, view, NotifyBy.NONE)
    change(ada, view, NotifyBy.WEEKLY)
    weekly(ada, "Everything", "")
    assert send_due() == 0 and len(mailbox.letters) == 1


def test_a_weekly_view_gets_no_notice_as_rows_arrive(ada: Actor, mailbox: Mailbox) -> None:
    view = weekly(ada)
    events(IN_THE_WEEK)
    assert sweep(saved_view_notices.LETTERS) == 0
    ViewNotification.objects.update(due=clock.now())
    sweep(saved_view_notices.LETTERS)
    assert ViewNotification.objects.get().due is None and mailbox.letters == []
    change(ada, view, NotifyBy.EMAIL)
    sweep(saved_view_notices.LETTERS)
    assert mailbox.letters == [], "rows from before the change are not new"


# When not


@pytest.mark.parametrize("stop", ["none", "removed"])
def test_a_view_that_was_switched_off_or_removed_is_in_no_digest(
    ada: Actor, mailbox: Mailbox, set_clock: Clock, stop: str
) -> None:
    view = weekly(ada)
    events(IN_THE_WEEK)
    if stop == "none":
        change(ada, view, NotifyBy.NONE)
    else:
        changes.remove(ada, view.id)
    set_clock(MONDAY)
    send_due()
    assert mailbox.letters == []


def test_a_removed_view_that_was_restored_is_in_the_digest_again(
    ada: Actor, mailbox: Mailbox, set_clock: Clock
) -> None:
    view = weekly(ada)
    events(IN_THE_WEEK)
    changes.remove(ada, view.id)
    changes.bring_back(ada, view.id)
    sweep(saved_view_notices.LETTERS)
    set_clock(MONDAY)
    send_due()
    assert len(mailbox.letters) == 1


def test_who_lost_the_role_gets_nothing_and_it_is_switched_off(
    ada: Actor, mailbox: Mailbox, set_clock: Clock
) -> None:
    view = weekly(ada)
    events(IN_THE_WEEK)
    Person.objects.update(roles=[])
    set_clock(MONDAY)
    send_due()
    row = ViewNotification.objects.get(view=view)
    assert row.notify_by == "none" and "could not read the audit trail any more" in row.detail
    Person.objects.update(roles=["auditor"])
    set_clock(MONDAY + timedelta(days=7))
    send_due()
    assert mailbox.letters == [], "it stays off"


def test_an_erased_owner_gets_nothing_and_leaves_no_row(
    ada: Actor, mailbox: Mailbox, set_clock: Clock
) -> None:
    weekly(ada, shared=True)
    events(IN_THE_WEEK)
    set_clock(MONDAY)
    [piece] = due_pieces(saved_view_weekly_digest.LETTERS)
    person_erasure.forget(Whose(ada.key, ()))
    piece()
    assert mailbox.letters == [] and SavedView.objects.count() == 1
    assert not WeeklyDigest.objects.exists() and not ViewNotification.objects.exists()


def test_somebody_who_is_gone_from_the_directory_gets_nothing(
    ada: Actor, mailbox: Mailbox, set_clock: Clock
) -> None:
    weekly(ada)
    events(IN_THE_WEEK)
    Person.objects.all().delete()
    set_clock(MONDAY)
    send_due()
    assert mailbox.letters == [] and ViewNotification.objects.get().notify_by == "none"


def test_a_filter_that_cannot_be_read_is_said_and_never_counted(
    ada: Actor, mailbox: Mailbox, set_clock: Clock
) -> None:
    broken, good = weekly(ada), weekly(ada, "Everything", "")
    SavedView.objects.filter(pk=broken.pk).update(filter="action:skill.blessed")
    set_clock(MONDAY)
    send_due()
    assert mailbox.letters == [], "no view has a row"
    assert "cannot be run" in ViewNotification.objects.get(view=broken).detail
    events(MONDAY)
    set_clock(MONDAY + timedelta(days=7))
    send_due()
    said = mailbox.letters[0].get_content()
    lines = said.splitlines()
    correct = lines.index("The filter cannot be run any more. Correct it:")
    assert lines[correct + 1] == f"{django_settings.PORTAL_URL}/audit/views/{broken.id}/"
    assert said.count("New rows   ") == 1 and "blessed" not in said
    assert ViewNotification.objects.get(view=broken).sent is None
    assert ViewNotification.objects.get(view=good).sent is not None


def test_a_filter_with_no_room_for_the_week_is_named_as_that(
    ada: Actor, mailbox: Mailbox, set_clock: Clock
) -> None:
    full = weekly(ada, "Long", " ".join(f"target:t{n}" for n in range(199)))
    weekly(ada)
    events(IN_THE_WEEK)
    set_clock(MONDAY)
    send_due()
    lines = mailbox.letters[0].get_content().splitlines()
    said = lines.index("The filter has too many values for a weekly range. Remove some:")
    assert lines[said + 1] == f"{django_settings.PORTAL_URL}/audit/views/{full.id}/"
    assert "cannot be run" not in mailbox.letters[0].get_content()
    assert "too many values" in ViewNotification.objects.get(view=full).detail
