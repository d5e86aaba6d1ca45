"""A form loses nothing that was open before another sign-in, or when its session ended."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from html import unescape
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import httpx
import pytest
from django.conf import settings
from django.contrib.sessions.models import Session
from django.test import Client, RequestFactory

from accounts.models import SignedInSession
from accounts.recent_sign_in import saved_forms
from accounts.recent_sign_in.requirement import page_behind
from approvals import clock
from approvals.models import ShortLivedSecret
from approvals.step_up import sealed_secrets
from audit.models import EventRow
from connections.models import Freeze
from tests.connections.visitor import Answer, Visitor
from tests.support.pages import signed_in

type Visit = Callable[[str], Visitor]
HOST = urlsplit(settings.PORTAL_URL).netloc
PAGE, ACTION = "/connections/freeze/", "/connections/freeze/now/"
TYPED = {"kind": "agent", "name_agent": "claw", "reason": "typed <at> length", "new": "on"}
SENT_BY_US: dict[str, Any] = {
    "HTTP_ACCEPT": "text/html,application/xhtml+xml",
    "HTTP_ORIGIN": settings.PORTAL_URL,
}


def fields_of(page: Answer) -> dict[str, str]:
    """The hidden fields of the main form of a page, with its token."""
    main = page.content.decode().partition("<main")[2]
    found = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', main)
    return {name: unescape(value) for name, value in found}


@pytest.fixture
def form(visitor: Visit) -> tuple[Visitor, dict[str, str]]:
    """A browser where Amir opened and filled in a form before Anya signed in in another tab."""
    amir, anya = visitor("admin"), visitor("admin2")
    amir.client.handler.enforce_csrf_checks = True
    amir.sign_in()
    filled = fields_of(amir.get(PAGE)) | TYPED
    anya.client = amir.client
    anya.sign_in()
    return anya, filled


def test_a_form_opened_by_somebody_else_is_shown_to_who_is_signed_in_now(
    form: tuple[Visitor, dict[str, str]],
) -> None:
    anya, filled = form
    answer = anya.post(ACTION, filled, **SENT_BY_US)
    page = answer.content.decode()
    assert answer.status_code == 403 and not Freeze.objects.exists()
    assert "This form is older than your sign-in" in page and "Nothing was changed." in page
    assert "You are signed in as <strong>Anya Admin</strong>" in page
    assert "typed &lt;at&gt; length" in page and f'action="{ACTION}"' in page
    assert "no-store" in answer["Cache-Control"]

    anya.post(ACTION, fields_of(answer), **SENT_BY_US)
    assert Freeze.objects.get().reason == "typed <at> length"
    assert Freeze.objects.get().by_name == "Anya Admin"
    assert EventRow.objects.filter(action="agent.frozen").count() == 1


@pytest.mark.parametrize(
    "headers",
    [
        SENT_BY_US | {"HTTP_ORIGIN": "https://evil.example"},
        SENT_BY_US | {"HTTP_ORIGIN": "null"},
        {"HTTP_ACCEPT": SENT_BY_US["HTTP_ACCEPT"]},
    ],
)
def test_what_another_site_filled_in_is_not_offered_for_a_click(
    form: tuple[Visitor, dict[str, str]], headers: dict[str, str]
) -> None:
    anya, filled = form
    answer = anya.post(ACTION, filled, **headers)
    assert answer.status_code == 403 and "typed" not in answer.content.decode()
    assert not Freeze.objects.exists()


@pytest.mark.parametrize("name", ["credential", "secret", "password"])
def test_a_secret_is_never_shown_again(form: tuple[Visitor, dict[str, str]], name: str) -> None:
    anya, filled = form
    answer = anya.post(ACTION, filled | {name: "s3cret-of-amir"}, **SENT_BY_US)
    assert answer.status_code == 403 and "s3cret-of-amir" not in answer.content.decode()


def test_a_form_of_an_ended_session_waits_for_its_sender_to_sign_in_again(db: None) -> None:
    amir = signed_in("admin", "admin")
    SignedInSession.objects.all().delete()
    answer = amir.post(ACTION, TYPED, HTTP_HOST=HOST, **SENT_BY_US)
    page = answer.content.decode()
    assert answer.status_code == 401 and not Freeze.objects.exists()
    assert "Your session has ended. What you sent is kept for a quarter of an hour." in page
    assert "Sign out" not in page
    [back] = re.findall(r"next=(%2Foidc%2Fgo-on%2F[0-9a-f]+%2F)", page)
    shown = signed_in("admin", "admin").get(unquote(back)).content.decode()
    assert "typed &lt;at&gt; length" in shown and "Send it now" in shown


def test_a_form_that_another_site_sends_for_an_ended_session_is_not_kept(db: None) -> None:
    amir = signed_in("admin", "admin")
    SignedInSession.objects.all().delete()
    headers = SENT_BY_US | {"HTTP_ORIGIN": "https://evil.example"}
    assert amir.post(ACTION, TYPED, HTTP_HOST=HOST, **headers).status_code == 401
    assert not ShortLivedSecret.objects.exists()


@pytest.fixture
def after_expiry(visitor: Visit) -> tuple[Visitor, dict[str, str]]:
    """A browser with a form that Amir filled in and whose session expired meanwhile."""
    amir = visitor("admin")
    amir.client.handler.enforce_csrf_checks = True
    amir.sign_in()
    filled = fields_of(amir.get(PAGE)) | TYPED
    expire(amir)
    return amir, filled


def expire(person: Visitor) -> None:
    """As after twelve hours: the browser has dropped the cookie, the portal the session."""
    del person.client.cookies[settings.SESSION_COOKIE_NAME]
    SignedInSession.objects.all().delete()
    Session.objects.all().delete()


def sign_in_url(answer: Answer) -> str:
    """Where the page that a refused form got leads to."""
    main = answer.content.decode().partition("<main")[2]
    [url] = re.findall(r'href="(/oidc/authenticate/[^"]*)"', main)
    return unescape(url)


def way_back(answer: Answer) -> str:
    """Where that sign-in returns to."""
    return parse_qs(urlsplit(sign_in_url(answer)).query)["next"][0]


def test_a_form_posted_when_nobody_is_signed_in_is_shown_after_the_sign_in(
    after_expiry: tuple[Visitor, dict[str, str]],
) -> None:
    amir, filled = after_expiry
    answer = amir.post(ACTION, filled, **SENT_BY_US)
    page = answer.content.decode()
    assert answer.status_code == 401 and "no-store" in answer["Cache-Control"]
    assert "You are not signed in. What you sent is kept for a quarter of an hour." in page
    assert "typed" not in page

    shown = amir.follow(amir.get(sign_in_url(answer)))
    assert not isinstance(shown, httpx.Response)
    assert "You are signed in as <strong>Amir Admin</strong>" in shown.content.decode()
    assert not Freeze.objects.exists(), "nothing is sent without a click"
    fields = fields_of(shown)
    assert TYPED.items() <= fields.items()
    assert fields["csrfmiddlewaretoken"] != filled["csrfmiddlewaretoken"]
    assert amir.post(ACTION, filled, **SENT_BY_US).status_code == 403, "the old token ended"
    amir.post(ACTION, fields, **SENT_BY_US)
    assert (Freeze.objects.get().reason, Freeze.objects.get().by_name) == (
        "typed <at> length",
        "Amir Admin",
    )


def test_a_form_whose_token_is_older_too_is_shown_after_the_sign_in(
    after_expiry: tuple[Visitor, dict[str, str]],
) -> None:
    amir, filled = after_expiry
    amir.sign_in()
    expire(amir)
    answer = amir.post(ACTION, filled, **SENT_BY_US)
    assert answer.status_code == 401
    assert "typed &lt;at&gt; length" in amir.follow(amir.get(sign_in_url(answer))).content.decode()


def test_nothing_of_such_a_form_is_stored_in_clear(
    after_expiry: tuple[Visitor, dict[str, str]],
) -> None:
    amir, filled = after_expiry
    amir.post(ACTION, filled, **SENT_BY_US)
    [row] = ShortLivedSecret.objects.all()
    assert b"typed" not in bytes(row.ciphertext) and "typed" not in row.ref
    [session] = Session.objects.all()
    assert "typed" not in str(session.get_decoded())


def test_another_person_who_signs_in_there_is_told_whose_name_the_form_gets(
    after_expiry: tuple[Visitor, dict[str, str]], visitor: Visit
) -> None:
    amir, filled = after_expiry
    answer = amir.post(ACTION, filled, **SENT_BY_US)
    anya = visitor("admin2")
    anya.client = amir.client
    page = anya.follow(anya.get(sign_in_url(answer))).content.decode()
    assert "You are signed in as <strong>Anya Admin</strong>" in page
    assert "Send it as Anya Admin" in page

    amir.sign_in()
    gone = amir.follow(amir.get(way_back(answer)))
    assert gone.status_code == 404, "a second person signed in, and it is gone"


def test_such_a_form_is_shown_in_no_other_browser(
    after_expiry: tuple[Visitor, dict[str, str]], visitor: Visit
) -> None:
    amir, filled = after_expiry
    answer = amir.post(ACTION, filled, **SENT_BY_US)
    other = visitor("admin")
    assert other.follow(other.get(way_back(answer))).status_code == 404


def test_such_a_form_is_gone_after_a_quarter_of_an_hour(
    after_expiry: tuple[Visitor, dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    amir, filled = after_expiry
    answer = amir.post(ACTION, filled, **SENT_BY_US)
    assert amir.follow(amir.get(sign_in_url(answer))).status_code == 200
    later = clock.now() + timedelta(minutes=15, seconds=1)
    monkeypatch.setattr(clock, "now", lambda: later)
    SignedInSession.objects.update(auth_time=later)
    assert amir.get(way_back(answer)).status_code == 404


@pytest.mark.parametrize(
    "change",
    [
        {"HTTP_ORIGIN": "https://evil.example"},
        {"HTTP_ORIGIN": "null"},
        {"credential": "s3cret-of-amir"},
        {"password": "s3cret-of-amir"},
    ],
)
def test_nothing_is_kept_of_another_site_or_of_a_secret(
    after_expiry: tuple[Visitor, dict[str, str]], change: dict[str, str]
) -> None:
    amir, filled = after_expiry
    headers = SENT_BY_US | {name: text for name, text in change.items() if "HTTP" in name}
    secret = {name: text for name, text in change.items() if "HTTP" not in name}
    answer = amir.post(ACTION, filled | secret, **headers)
    assert answer.status_code in {302, 403} and not ShortLivedSecret.objects.exists()


def test_a_form_that_is_not_kept_leads_back_to_its_page_and_not_to_its_address(
    after_expiry: tuple[Visitor, dict[str, str]],
) -> None:
    amir, filled = after_expiry
    headers = SENT_BY_US | {"HTTP_REFERER": settings.PORTAL_URL + PAGE}
    answer = amir.post(ACTION, filled | {"secret": "s3cret"}, **headers)
    assert answer["Location"] == "/oidc/authenticate/?next=%2Fconnections%2Ffreeze%2F"


@pytest.mark.parametrize("address", ["http://[", "https://evil.example//a", "//evil.example/a"])
def test_an_address_that_is_none_or_not_ours_leads_home(
    after_expiry: tuple[Visitor, dict[str, str]], address: str
) -> None:
    amir, filled = after_expiry
    answer = amir.post(ACTION, filled | {"secret": "x"}, **SENT_BY_US | {"HTTP_REFERER": address})
    assert answer["Location"] == "/oidc/authenticate/?next=%2F"


def test_a_part_of_a_page_whose_address_is_none_leads_home(rf: RequestFactory) -> None:
    part = rf.get(PAGE, HTTP_HX_REQUEST="true", HTTP_HX_CURRENT_URL="http://[")
    assert page_behind(part) == "/"


def test_forms_without_a_sign_in_are_kept_up_to_a_number(
    after_expiry: tuple[Visitor, dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    amir, filled = after_expiry
    monkeypatch.setattr(saved_forms, "MOST_OF_NOBODY", 2)
    codes = [amir.post(ACTION, filled, **SENT_BY_US).status_code for _ in range(3)]
    assert codes == [401, 401, 302] and ShortLivedSecret.objects.count() == 2


def test_forms_that_come_at_once_are_not_kept_beyond_that_number(
    after_expiry: tuple[Visitor, dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another browser's form is kept after the places were counted."""
    amir, filled = after_expiry
    monkeypatch.setattr(saved_forms, "MOST_OF_NOBODY", 1)
    stranger, real = Client(), sealed_secrets.keep

    def keep(*args: Any, **named: Any) -> None:
        monkeypatch.setattr(sealed_secrets, "keep", real)
        assert stranger.post(ACTION, filled, **SENT_BY_US).status_code == 401
        real(*args, **named)

    monkeypatch.setattr(sealed_secrets, "keep", keep)
    assert amir.post(ACTION, filled, **SENT_BY_US).status_code == 302
    assert ShortLivedSecret.objects.count() == 1
