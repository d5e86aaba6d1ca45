"""Owners of saved views are notified of new rows: whom, of what, how often, and what is refused."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.db import connection
from django.test.utils import CaptureQueriesContext

from approvals import clock
from approvals.models import Person
from approvals.notifications import saved_view_notices
from approvals.person_access_ends.set_access_end import VERB
from approvals.pipeline.service import perform
from audit import clock as audit_clock
from audit.erasure.subject_and_store_registry import Whose
from audit.ledger.query import EventQuery
from audit.models import EventRow, NotifyBy, SavedView, ViewNotification
from audit.recording.actors import Actor, Target
from audit.saved_views import changes, notify_setting_and_count, person_erasure
from audit.saved_views.changes import NotSaved, Wanted
from audit.search import filter_parsing
from audit.sequencing import sequencer
from portal.mail_settings import mailer
from tests.audit.browsing import browser_of, text_of
from tests.audit.calling import Caller, caller
from tests.audit.factories import ADA, MIA, OLU, DraftFactory
from tests.audit.weekly_digests import known
from tests.support.mailbox import Mailbox
from tests.support.receiver import Receiver
from tests.support.recording import record_many
from tests.support.sweeping import due_pieces, sweep
from tests.support.tenant import LocalTenant

pytestmark = pytest.mark.django_db
SECRET = "between the portal and the team"
HOUR = timedelta(hours=1)


@pytest.fixture
def team(settings: Any) -> Iterator[Receiver]:
    receiver = Receiver().start()
    told = {"APPROVAL_WEBHOOK_URL": f"{receiver.url}/team", "APPROVAL_WEBHOOK_SECRET": SECRET}
    settings.ENV = settings.ENV.model_copy(update=told)
    yield receiver
    receiver.stop()


@pytest.fixture
def ada(db: None) -> Actor:
    """An auditor whom the directory knows."""
    return known(replace(ADA, iss=django_settings.ENV.issuer))


def watched(
    by: Actor, text: str = "action:token.refused", way: NotifyBy = NotifyBy.EMAIL, **more: Any
) -> SavedView:
    query = EventQuery.from_bar(text)
    return changes.keep(by, Wanted("Refusals", query, notify_by=way, **more))


def refusals(count: int = 1, **more: Any) -> None:
    """So many refused tokens, and a block that no view here asks for."""
    drafts = [DraftFactory.build(action="token.refused", actor=MIA, **more) for _ in range(count)]
    list(record_many([*drafts, DraftFactory.build()]))
    sequencer.run_once()


def look() -> ViewNotification:
    """Look at every view that is switched on, due or not; the one row there is."""
    ViewNotification.objects.filter(due__isnull=False).update(due=clock.now(), lease=None)
    sweep(saved_view_notices.LETTERS)
    return ViewNotification.objects.get()


def later(monkeypatch: pytest.MonkeyPatch, by: timedelta) -> None:
    moment = clock.now() + by
    monkeypatch.setattr(clock, "now", lambda: moment)


def words(page: str) -> str:
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", page)))


# What is sent


def test_the_owner_gets_a_letter_about_new_rows_and_none_of_what_they_hold(
    ada: Actor, mailbox: Mailbox
) -> None:
    view = watched(ada)
    refusals(3, reason="the token of the payroll", data={"connection": "github"})
    look()
    [letter] = mailbox.letters
    said = letter.get_content()
    assert mailbox.recipients == [ada.email]
    assert letter["Subject"] == "3 new rows: Refusals"
    assert "New rows    3" in said and "Since       " in said
    assert f"{django_settings.PORTAL_URL}/audit/views/{view.id}/open/" in said.splitlines()
    for secret in ("payroll", "github", MIA.name, MIA.email, "token.refused"):
        assert secret not in said
    assert "one such letter an hour" in said


def test_the_link_of_a_letter_opens_the_trail_with_what_the_view_finds_now(ada: Actor) -> None:
    view = changes.keep(ada, Wanted("Refusals", EventQuery.from_bar("outcome:denied")))
    answer = browser_of(ada).get(f"/audit/views/{view.id}/open/")
    assert (answer.status_code, answer["Location"]) == (302, "/audit/?outcome=denied")
    assert browser_of(OLU).get(f"/audit/views/{view.id}/open/").status_code == 404
    assert browser_of(MIA).get(f"/audit/views/{view.id}/open/").status_code == 403
    SavedView.objects.update(filter="action:skill.blessed")
    answer = browser_of(ada).get(f"/audit/views/{view.id}/open/")
    assert answer["Location"] == "/audit/views/", "not a trail without the filter"


def test_what_was_there_before_it_was_switched_on_is_not_new(ada: Actor, mailbox: Mailbox) -> None:
    refusals(2)
    watched(ada)
    assert look().found == 0 and mailbox.letters == []
    refusals(1)
    look()
    assert [letter["Subject"] for letter in mailbox.letters] == ["1 new row: Refusals"]


def test_rows_are_new_by_their_index_and_not_by_their_time(ada: Actor, mailbox: Mailbox) -> None:
    watched(ada)
    refusals(1, time=clock.now() - timedelta(days=20))
    assert EventRow.objects.get(action="token.refused").time < clock.now() - timedelta(days=1)
    look()
    assert len(mailbox.letters) == 1


@pytest.mark.parametrize(
    ("text", "found"),
    [("after:today", 1), ("-before:today", 1), ("after:yesterday", 2), ("after:0h", 1), ("", 2)],
)
def test_rows_of_the_last_minutes_of_a_day_are_found_after_midnight(
    ada: Actor, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch, text: str, found: int
) -> None:
    midnight = audit_clock.now().replace(hour=0, minute=0, second=0) + timedelta(days=1)
    monkeypatch.setattr(audit_clock, "now", lambda: midnight - timedelta(seconds=20))
    query = filter_parsing.from_bar(f"action:token.refused {text}")
    changes.keep(ada, Wanted("Refusals", query, notify_by=NotifyBy.EMAIL))
    refusals(1, time=None)
    refusals(1, time=midnight - timedelta(hours=30))
    monkeypatch.setattr(audit_clock, "now", lambda: midnight + timedelta(seconds=20))
    look()
    assert [one["Subject"] for one in mailbox.letters] == [
        f"{found} new row{'' if found == 1 else 's'}: Refusals"
    ]


def test_an_event_counts_once_it_has_its_place_in_the_log(ada: Actor, mailbox: Mailbox) -> None:
    watched(ada)
    list(record_many([DraftFactory.build(action="token.refused", actor=MIA)]))
    assert look().found == 0
    sequencer.run_once()
    look()
    look()
    assert len(mailbox.letters) == 1


@pytest.mark.parametrize(("rows", "number"), [(100, "100"), (101, "100+"), (130, "100+")])
def test_a_number_is_exact_to_a_hundred(
    ada: Actor, mailbox: Mailbox, rows: int, number: str
) -> None:
    watched(ada)
    refusals(rows)
    look()
    [letter] = mailbox.letters
    assert letter["Subject"] == f"{number} new rows: Refusals"
    assert ViewNotification.objects.get().counted_to == rows + 1, "the rest is not new next time"


def test_a_long_range_is_counted_in_bounded_looks(
    ada: Actor, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notify_setting_and_count, "_RANGE", 4)
    watched(ada)
    refusals(9)
    for counted_to, found in ((4, 4), (8, 8)):
        row = look()
        assert (row.counted_to, row.found, len(mailbox.letters)) == (counted_to, found, 0)
    assert look().counted_to == 10
    assert mailbox.letters[0]["Subject"] == "9 new rows: Refusals"


def test_a_look_is_one_query_over_the_rows_and_bounded(ada: Actor, mailbox: Mailbox) -> None:
    watched(ada, "action:token.refused words")
    refusals(3)
    query = EventQuery.from_bar("action:token.refused")
    with CaptureQueriesContext(
        connection,
    ) as queries:
        counted = notify_setting_and_count.count(query, 1, 0)
    assert (counted.counted_to, counted.found, counted.complete) == (4, 2, True)
    asked = [one["sql"] for one in queries if "audit_eventrow" in one["sql"]]
    assert len(asked) == 1 and f"LIMIT {notify_setting_and_count.MOST + 1}" in asked[0]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", 4),
        ("action:token.refused", 3),
        ("-action:token.refused", 1),
        ("log:L1", 4),
        ("log:L0", 0),
        ("log:L3", 0),
        ("block*", 1),
        ("before:2020-01-01", 0),
    ],
)
def test_every_kind_of_filter_counts_what_the_trail_finds(text: str, found: int) -> None:
    refusals(1)
    refusals(3)
    query = EventQuery.from_bar(text)
    assert notify_setting_and_count.count(query, 2, 0).found == found


def test_rows_enter_a_view_by_proof_when_they_have_it(ada: Actor) -> None:
    refusals(3)
    query = EventQuery.from_bar("log:L3")
    counted = notify_setting_and_count.count(query, 0, 0)
    assert (counted.counted_to, counted.complete) == (0, True), "they still can get there"


# How often


def test_one_view_sends_at_most_one_letter_an_hour(
    ada: Actor, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched(ada)
    refusals(1)
    look()
    refusals(2)
    look()
    later(monkeypatch, HOUR - timedelta(minutes=1))
    assert look().found == 2 and len(mailbox.letters) == 1
    later(monkeypatch, timedelta(minutes=2))
    look()
    assert [one["Subject"] for one in mailbox.letters] == [
        "1 new row: Refusals", "2 new rows: Refusals",
    ]  # fmt: skip


def test_more_than_a_hundred_within_the_hour_are_all_in_the_next_notice(
    ada: Actor, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched(ada)
    for rows in (1, 101, 4):
        refusals(rows)
        look()
    for _ in range(2):
        later(monkeypatch, HOUR + timedelta(minutes=1))
        look()
    assert [one["Subject"] for one in mailbox.letters] == [
        "1 new row: Refusals", "100+ new rows: Refusals",
    ]  # fmt: skip


def test_switching_off_and_on_does_not_get_round_the_limit(ada: Actor, mailbox: Mailbox) -> None:
    view = watched(ada)
    refusals(1)
    look()
    for way in (NotifyBy.NONE, NotifyBy.EMAIL):
        changes.change(
            ada, view.id, Wanted("Refusals", EventQuery.from_bar(view.filter), notify_by=way)
        )
    refusals(1)
    look()
    assert len(mailbox.letters) == 1


def test_another_filter_counts_from_then_on(ada: Actor, mailbox: Mailbox) -> None:
    view = watched(ada)
    refusals(2)
    changes.change(ada, view.id, Wanted("Blocks", EventQuery.from_bar("action:skill.blocked")))
    look()
    assert mailbox.letters == []
    refusals(1)
    look()
    assert mailbox.letters[0]["Subject"] == "1 new row: Blocks"


def test_a_view_that_was_switched_off_or_removed_sends_nothing(
    ada: Actor, mailbox: Mailbox
) -> None:
    view = watched(ada)
    query = EventQuery.from_bar(view.filter)
    changes.change(ada, view.id, Wanted("Refusals", query, notify_by=NotifyBy.NONE))
    refusals(1)
    assert look().due is None
    changes.change(ada, view.id, Wanted("Refusals", query, notify_by=NotifyBy.EMAIL))
    changes.remove(ada, view.id)
    refusals(1)
    assert look().due is None and mailbox.letters == []
    changes.bring_back(ada, view.id)
    look()
    assert mailbox.letters == []
    refusals(1)
    look()
    assert len(mailbox.letters) == 1


# Trouble


def test_whose_access_has_ended_gets_nothing(
    ada: Actor, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    amir = known(Actor(ada.iss, "auth0|amir", "Amir", roles=frozenset({"admin"}), fresh=True))
    watched(ada)
    today = clock.now().date().isoformat()
    perform(amir, VERB, Target("person", ada.sub), params={"last_day": today}, reason="done")
    refusals(2)
    tomorrow = clock.now() + timedelta(days=1, minutes=1)
    for one in (clock, audit_clock):
        monkeypatch.setattr(one, "now", lambda: tomorrow)
    assert look().notify_by == NotifyBy.NONE and mailbox.letters == []


def test_who_lost_the_role_gets_nothing_and_it_is_switched_off(
    ada: Actor, mailbox: Mailbox
) -> None:
    view = watched(ada)
    refusals(1)
    Person.objects.filter(sub=ada.sub).update(roles=[])
    row = look()
    assert mailbox.letters == []
    assert (row.notify_by, row.due) == ("none", None)
    Person.objects.filter(sub=ada.sub).update(roles=["auditor"])
    look()
    assert mailbox.letters == [], "it stays off"
    for path in ("/audit/views/", f"/audit/views/{view.id}/"):
        assert "could not read the audit trail any more" in words(
            text_of(browser_of(ada).get(path))
        )


def test_somebody_of_the_same_subject_at_another_issuer_is_not_the_owner(mailbox: Mailbox) -> None:
    known(replace(ADA, iss=django_settings.ENV.issuer))
    watched(replace(ADA, iss="https://elsewhere.example/"))
    refusals(1)
    assert look().notify_by == "none" and mailbox.letters == []


def test_a_filter_that_is_broken_sends_nothing_and_says_why(ada: Actor, mailbox: Mailbox) -> None:
    view = watched(ada)
    SavedView.objects.update(filter="action:skill.blessed")
    refusals(1)
    row = look()
    assert mailbox.letters == [] and row.counted_to == 0
    assert "The filter cannot be run any more" in words(
        text_of(browser_of(ada).get("/audit/views/"))
    )
    SavedView.objects.update(filter=view.filter)
    assert look().detail == "" and len(mailbox.letters) == 1, "what came meanwhile is not lost"


def test_a_mail_server_that_is_away_delays_a_notice_and_the_list_says_so(
    ada: Actor, mailbox: Mailbox
) -> None:
    watched(ada)
    refusals(1)
    mailbox.refusals = 1
    row = look()
    assert row.found == 1 and row.sent is None and row.due is not None
    listed = words(text_of(browser_of(ada).get("/audit/views/")))
    assert "Not sent: SMTPDataError: tried 1 times" in listed and ada.email not in row.detail
    refusals(1)
    row = look()
    assert (row.detail, row.attempts, row.found) == ("", 0, 0)
    assert mailbox.letters[0]["Subject"] == "2 new rows: Refusals"
    assert "last sent" in words(text_of(browser_of(ada).get("/audit/views/")))


@pytest.mark.parametrize(
    "address", ["jürg@acme.example", "a b@acme.example", "ada@acme.example\nBcc: x@evil.example"]
)
def test_an_address_that_is_invalid_is_said_on_the_list_and_tried_again_in_an_hour(
    ada: Actor, mailbox: Mailbox, caplog: pytest.LogCaptureFixture, address: str
) -> None:
    watched(ada)
    Person.objects.filter(sub=ada.sub).update(email=address)
    refusals(2)
    row = look()
    assert row.lease is None and row.due is not None
    assert timedelta(minutes=59) < row.due - clock.now() <= timedelta(hours=1)
    assert (row.found, mailbox.letters, mailbox.recipients) == (2, [], [])
    assert address not in caplog.text and address not in row.detail
    listed = words(text_of(browser_of(ada).get("/audit/views/")))
    assert "Not sent: No letter can be sent to the e-mail address that Auth0 has." in listed
    Person.objects.filter(sub=ada.sub).update(email=ada.email)
    assert (look().detail, mailbox.recipients) == ("", [ada.email])


def test_a_crash_before_it_is_marked_sends_again_under_the_same_id(
    ada: Actor, mailbox: Mailbox
) -> None:
    watched(ada)
    refusals(1)
    before = ViewNotification.objects.values().get()
    look()
    ViewNotification.objects.update(
        **{name: before[name] for name in ("since", "sent")}, found=1
    )  # as if the worker had ended between
    look()
    assert len({letter["Message-ID"] for letter in mailbox.letters}) == 1 < len(mailbox.letters)


def test_two_workers_at_once_send_once(ada: Actor, mailbox: Mailbox) -> None:
    watched(ada)
    refusals(1)
    pieces = [*due_pieces(saved_view_notices.LETTERS), *due_pieces(saved_view_notices.LETTERS)]
    assert len(pieces) == 1
    for piece in pieces:
        piece()
    assert len(mailbox.letters) == 1


def test_what_the_owner_changes_during_a_look_is_not_written_over(
    ada: Actor, mailbox: Mailbox
) -> None:
    view = watched(ada)
    row = ViewNotification.objects.get()
    refusals(1)
    notify_setting_and_count.start_again(view)
    saved_view_notices.work(row)
    assert ViewNotification.objects.get().counted_to == 2
    assert mailbox.letters == [], "those rows are not new any more"


def test_an_erased_owner_is_notified_no_more(ada: Actor, mailbox: Mailbox) -> None:
    watched(ada, shared=True)
    person_erasure.forget(Whose(ada.key, ()))
    assert SavedView.objects.count() == 1 and not ViewNotification.objects.exists()


# The webhook


def test_the_team_gets_a_signed_document_without_a_person(ada: Actor, team: Receiver) -> None:
    view = watched(ada, way=NotifyBy.WEBHOOK)
    refusals(2)
    look()
    got = team.next("/team")
    # As docs/admins.md tells receivers.
    signed = f"{got.headers['webhook-id']}.{got.headers['webhook-timestamp']}.".encode() + got.body
    expected = base64.b64encode(hmac.digest(SECRET.encode(), signed, hashlib.sha256)).decode()
    assert got.headers["webhook-signature"] == f"v1,{expected}"
    told = json.loads(got.body)
    assert told["type"] == "view.new_rows"
    assert told["data"].pop("since").endswith("Z")
    assert told["data"] == {
        "view_id": str(view.id),
        "name": "Refusals",
        "new_rows": {"count": 2, "exact": True},
        "url": f"{django_settings.PORTAL_URL}/audit/views/{view.id}/open/",
    }
    assert not any(text in got.body.decode() for text in (ada.name, ada.email, ada.sub, MIA.name))


def test_a_webhook_that_is_refused_comes_again_under_the_same_id(
    ada: Actor, team: Receiver
) -> None:
    watched(ada, way=NotifyBy.WEBHOOK)
    team.answers["/team"] = [500]
    refusals(1)
    assert "tried 1 times" in look().detail
    look()
    first, second = team.next("/team"), team.next("/team")
    assert first.headers["webhook-id"] == second.headers["webhook-id"]


# Choosing


def test_what_is_not_configured_is_shown_disabled_and_refused(ada: Actor, settings: Any) -> None:
    settings.MAILERS = {"default": mailer("console://")}
    form = text_of(browser_of(ada).get("/audit/views/new/?outcome=denied"))
    for value in ("email", "webhook"):
        assert re.search(rf'value="{value}" disabled', form)
    assert "MAILER_URL" in form and "APPROVAL_WEBHOOK_URL" in form
    for way in (NotifyBy.EMAIL, NotifyBy.WEBHOOK):
        with pytest.raises(NotSaved) as refused:
            watched(ada, way=way)
        assert refused.value.code == "bad_notify_by"
    assert not SavedView.objects.exists()
    answer = browser_of(ada).post(
        "/audit/views/new/?outcome=denied", {"name": "Refusals", "notify": "email"}
    )
    assert answer.status_code == 422 and "No mail server is configured" in text_of(answer)


def test_who_has_no_address_is_told_that_mail_needs_one(ada: Actor, mailbox: Mailbox) -> None:
    nameless = replace(ada, email="")
    form = text_of(browser_of(nameless).get("/audit/views/new/?outcome=denied"))
    assert re.search(r'value="email" disabled', form) and "has no e-mail address" in form
    Person.objects.update(email="")
    watched(nameless)
    refusals(1)
    assert "Your account has no e-mail address" in look().detail
    assert mailbox.recipients == []


def test_a_choice_whose_configuration_went_is_kept_and_says_so(
    ada: Actor, mailbox: Mailbox, settings: Any
) -> None:
    view = watched(ada)
    refusals(1)
    settings.MAILERS = {"default": mailer("console://")}
    assert look().detail.startswith("No mail server is configured.")
    form = {"name": "Denials", "bar": view.filter, "notify": "email"}
    assert browser_of(ada).post(f"/audit/views/{view.id}/", form).status_code == 302
    assert ViewNotification.objects.get().notify_by == "email"


def test_the_form_shows_and_changes_the_choice(
    ada: Actor, mailbox: Mailbox, team: Receiver
) -> None:
    browser = browser_of(ada)
    form = {"name": "Refusals", "notify": "email"}
    browser.post("/audit/views/new/?action=token.refused", form)
    view = SavedView.objects.get()
    page = text_of(browser.get(f"/audit/views/{view.id}/"))
    assert 'value="email" checked' in page and "At most one notice an hour" in page
    assert f"By e-mail to {ada.email}" in page
    assert "New rows: by e-mail to you, none sent yet" in words(
        text_of(browser.get("/audit/views/"))
    )
    edited = {"name": "Refusals", "bar": view.filter}
    browser.post(f"/audit/views/{view.id}/", edited)
    assert ViewNotification.objects.get().notify_by == "email", "what is not sent stays"
    browser.post(f"/audit/views/{view.id}/", edited | {"notify": "webhook"})
    assert ViewNotification.objects.get().notify_by == "webhook"
    browser.post(f"/audit/views/{view.id}/", edited | {"notify": "none"})
    assert ViewNotification.objects.get().due is None


def test_nobody_else_sees_or_changes_who_is_notified(ada: Actor, mailbox: Mailbox) -> None:
    view = watched(ada, shared=True)
    olu, mia = browser_of(OLU), browser_of(MIA)
    assert "by e-mail" not in text_of(olu.get("/audit/views/"))
    edited = {"name": "Refusals", "bar": view.filter, "notify": "none"}
    for other in (olu, mia):
        assert other.post(f"/audit/views/{view.id}/", edited).status_code == 403
    strange = browser_of(ada, csrf=True).post(f"/audit/views/{view.id}/", edited)
    assert strange.status_code == 403
    assert ViewNotification.objects.get().notify_by == "email"


def test_the_api_chooses_keeps_and_shows_it(portal_tenant: LocalTenant, mailbox: Mailbox) -> None:
    auditor, operator = caller(portal_tenant, "auditor"), caller(portal_tenant, "operator")
    body = {"name": "Refusals", "filter": {"outcome": ["denied"]}, "shared": True}
    made = send(auditor, "POST", "", body | {"notify_by": "email"})
    assert (made["notify_by"], made["notified"], made["notify_problem"]) == ("email", None, "")
    path = f"/{made['id']}"
    assert send(auditor, "PUT", path, body)["notify_by"] == "email", "left out, it stays"
    assert send(operator, "GET", path)["notify_by"] == "none", "it is the owner's"
    refused = send(operator, "PUT", path, body | {"notify_by": "none"})
    assert refused["code"] == "not_permitted"
    refused = send(auditor, "PUT", path, body | {"notify_by": "webhook"})
    assert (refused["pointer"], refused["status"]) == ("/notify_by", 422)
    refused = send(auditor, "PUT", path, body | {"notify_by": "https://evil.example/"})
    assert (refused["pointer"], refused["status"]) == ("/notify_by", 422)
    assert send(auditor, "PUT", path, body | {"notify_by": "none"})["notify_by"] == "none"


def send(who: Caller, method: str, path: str, body: Any = None) -> Any:
    answer = who.client.generic(
        method, f"/v1/audit/views{path}", json.dumps(body) if body else "",
        content_type="application/json", headers=who._headers(),
    )  # fmt: skip
    return answer.json()
