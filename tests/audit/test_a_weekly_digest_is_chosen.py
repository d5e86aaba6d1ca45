"""Who chooses a weekly digest and where, and two workers at once."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from threading import Barrier, Event
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.db import connection
from pytest_django import DjangoDbBlocker

from approvals import clock, due_work
from approvals.notifications import saved_view_notices, saved_view_weekly_digest
from audit.ledger.query import EventQuery
from audit.models import NotifyBy, SavedView, WeeklyDigest
from audit.recording.actors import Actor
from audit.saved_views import changes
from audit.saved_views.changes import NotSaved, Wanted
from portal import loops
from portal.mail_settings import mailer
from tests.audit.browsing import browser_of, text_of
from tests.audit.calling import caller
from tests.audit.factories import ADA, MIA, OLU
from tests.audit.own_database import own_database
from tests.audit.weekly_digests import (
    BEFORE,
    BLOCKS,
    IN_THE_WEEK,
    MONDAY,
    Clock,
    change,
    events,
    is_count,
    is_of_blocks,
    known,
    owner_before_the_week,
    send_due,
    weekly,
    words,
)
from tests.support.mailbox import Mailbox
from tests.support.sweeping import sweep
from tests.support.tenant import LocalTenant

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada(db: None, set_clock: Clock) -> Actor:
    """An auditor whom the directory knows, before the week of these tests ends."""
    return owner_before_the_week(set_clock)


@pytest.mark.parametrize("between", [(), (NotifyBy.NONE,)])
def test_a_notice_that_was_sent_earlier_is_no_digest(
    ada: Actor, mailbox: Mailbox, set_clock: Clock, between: tuple[NotifyBy, ...]
) -> None:
    view = weekly(ada)
    change(ada, view, NotifyBy.EMAIL)
    events(IN_THE_WEEK)
    sweep(saved_view_notices.LETTERS)
    assert len(mailbox.letters) == 1
    set_clock(BEFORE + timedelta(minutes=5))
    for way in (*between, NotifyBy.WEEKLY):
        change(ada, view, way)
    for url in ("/audit/views/", f"/audit/views/{view.id}/"):
        said = words(text_of(browser_of(ada).get(url)))
        assert "once a week by e-mail to you, none sent yet" in said
    set_clock(MONDAY)
    send_due()
    changes.change(ada, view.id, Wanted("Denied", EventQuery.from_bar("outcome:denied")))
    said = words(text_of(browser_of(ada).get("/audit/views/")))
    assert "once a week by e-mail to you, last sent" in said


def test_a_view_that_changes_to_notices_and_back_keeps_their_hour(
    ada: Actor, mailbox: Mailbox, set_clock: Clock
) -> None:
    view = weekly(ada)
    change(ada, view, NotifyBy.EMAIL)
    for minutes, sent in ((0, 1), (5, 1), (61, 2)):
        set_clock(BEFORE + timedelta(minutes=minutes))
        events(clock.now())
        sweep(saved_view_notices.LETTERS)
        assert len(mailbox.letters) == sent
        if minutes == 0:
            change(ada, view, NotifyBy.WEEKLY)
            change(ada, view, NotifyBy.EMAIL)


def test_the_form_offers_it_and_says_how_it_works(ada: Actor, mailbox: Mailbox) -> None:
    browser = browser_of(ada)
    form = {"name": "Refusals", "notify": "weekly"}
    browser.post("/audit/views/new/?action=token.refused", form)
    view = SavedView.objects.get()
    page = text_of(browser.get(f"/audit/views/{view.id}/"))
    assert 'value="weekly" checked' in page and f"Once a week by e-mail to {ada.email}" in page
    assert "on Monday after 07:00 UTC" in page
    assert "No e-mail in a week without new rows" in page
    assert WeeklyDigest.objects.get().owner == ada.key


def test_without_a_mail_server_it_is_shown_disabled_and_refused(ada: Actor, settings: Any) -> None:
    settings.MAILERS = {"default": mailer("console://")}
    form = text_of(browser_of(ada).get("/audit/views/new/?outcome=denied"))
    assert re.search(r'value="weekly" disabled', form)
    with pytest.raises(NotSaved) as refused:
        weekly(ada)
    assert refused.value.code == "bad_notify_by"
    assert not SavedView.objects.exists() and not WeeklyDigest.objects.exists()


def test_nobody_else_chooses_it_for_the_owner(ada: Actor, mailbox: Mailbox) -> None:
    view = changes.keep(ada, Wanted("Refusals", EventQuery.from_bar("via:web"), shared=True))
    edited = {"name": "Refusals", "bar": view.filter, "notify": "weekly"}
    for other in (browser_of(OLU), browser_of(MIA), browser_of(ada, csrf=True)):
        assert other.post(f"/audit/views/{view.id}/", edited).status_code == 403
    assert not WeeklyDigest.objects.exists()


def test_the_api_chooses_and_shows_it(portal_tenant: LocalTenant, mailbox: Mailbox) -> None:
    auditor = caller(portal_tenant, "auditor")
    body = {"name": "Refusals", "filter": {"outcome": ["denied"]}, "notify_by": "weekly"}
    answer = auditor.client.generic(
        "POST", "/v1/audit/views", json.dumps(body), content_type="application/json",
        headers=auditor._headers(),
    )  # fmt: skip
    made = answer.json()
    assert (answer.status_code, made["notify_by"], made["notified"]) == (201, "weekly", None)
    assert WeeklyDigest.objects.count() == 1


# At once


@pytest.fixture
def _committed(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """No transaction around the test: its threads commit."""
    with django_db_blocker.unblock():
        yield


class TestAtOnce:
    """Two workers, each with its own connection."""

    @pytest.fixture
    def _django_db_helper(self, _committed: None) -> None:
        """In place of the transaction that pytest-django opens."""

    def test_two_workers_at_once_send_one_letter(
        self, mailbox: Mailbox, set_clock: Clock, tmp_path: Path
    ) -> None:
        gate = Barrier(2)

        def begin() -> None:
            with closing(connection):
                set_clock(BEFORE)
                weekly(known(replace(ADA, iss=django_settings.ENV.issuer)))
                events(IN_THE_WEEK)
                set_clock(MONDAY)

        def worker() -> int:
            with closing(connection):
                connection.ensure_connection()
                gate.wait(60)
                return send_due()

        with own_database(tmp_path), ThreadPoolExecutor(2) as threads:
            threads.submit(begin).result(120)
            done = [threads.submit(worker) for _ in range(2)]
            assert sum(one.result(120) for one in done) == 1
        assert len(mailbox.letters) == 1

    def test_a_statement_that_the_database_refuses_leaves_the_others(
        self, mailbox: Mailbox, set_clock: Clock, tmp_path: Path
    ) -> None:
        def refused(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
            if is_count(sql) and is_of_blocks(params):
                return execute("SELECT * FROM no_such_table", (), many, context)
            return execute(sql, params, many, context)

        def worker() -> int:
            with closing(connection):
                set_clock(BEFORE)
                ada = known(replace(ADA, iss=django_settings.ENV.issuer))
                weekly(ada, "Blocks", BLOCKS)
                weekly(ada)
                events(IN_THE_WEEK)
                set_clock(MONDAY)
                with connection.execute_wrapper(refused):
                    return send_due()

        with own_database(tmp_path), ThreadPoolExecutor(1) as threads:
            assert threads.submit(worker).result(120) == 1
        said = mailbox.letters[0].get_content()
        assert "Could not be counted this week" in said and "New rows    1" in said


def test_digests_wait_for_no_thread_of_the_notices(monkeypatch: pytest.MonkeyPatch) -> None:
    swept: dict[Any, object] = {}
    monkeypatch.setattr(due_work, "sweep", lambda lanes, kinds: swept.update({kinds: lanes}))
    started = loops.loops()
    for name in ("view-notices", "weekly-digests"):
        stop = Event()
        monkeypatch.setattr(stop, "wait", lambda seconds, stop=stop: stop.set())
        started[name](stop)
    notices, digests = swept[saved_view_notices.LETTERS], swept[saved_view_weekly_digest.LETTERS]
    assert notices is not digests
