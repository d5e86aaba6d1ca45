"""A form that was open before another sign-in, or when its session ended, loses nothing."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import unescape
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from django.conf import settings

from accounts.models import SignedInSession
from approvals.models import ShortLivedSecret
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
