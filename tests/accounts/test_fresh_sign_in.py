"""What matters most needs a sign-in that is minutes old and had a second factor."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.conf import settings
from django.test import Client

from accounts.models import SignedInSession
from approvals import clock
from approvals.models import ShortLivedSecret
from tests.accounts import gated
from tests.connections.visitor import Visitor
from tests.support.pages import signed_in

type Visit = Callable[[str], Visitor]
HOST = urlsplit(settings.PORTAL_URL).netloc
PAGE = "/gated/rules/?tab=2&q=a%20b"
HTML = "text/html,application/xhtml+xml"


@pytest.fixture(autouse=True)
def _gated(settings: Any) -> Iterator[None]:
    settings.ROOT_URLCONF = "tests.accounts.gated"
    gated.done.clear()
    yield
    gated.done.clear()


def age(**ago: float) -> None:
    """Let every session's sign-in be that old."""
    SignedInSession.objects.update(auth_time=clock.now() - timedelta(**ago))


def asked(location: str) -> dict[str, str]:
    """The query of an address of our own sign-in."""
    parts = urlsplit(location)
    assert parts.path == "/oidc/authenticate/"
    return {name: values[0] for name, values in parse_qs(parts.query).items()}


def test_a_fresh_sign_in_opens_the_page_and_takes_the_form() -> None:
    me = signed_in("admin", "admin")
    assert me.get(PAGE).content.startswith(b"form of rules")
    assert me.post(PAGE, {"words": "kept"}).status_code == 200
    assert gated.done == ["kept"]


@pytest.mark.parametrize("seconds", [601, 3600, 11 * 3600])
def test_an_older_sign_in_is_sent_to_sign_in_and_back_to_the_very_page(seconds: int) -> None:
    me = signed_in("admin", "admin")
    age(seconds=seconds)
    answer = me.get(PAGE)
    assert answer.status_code == 302
    assert asked(answer["Location"]) == {"fresh": "1", "next": PAGE}
    assert "no-store" in answer["Cache-Control"]


def test_the_limit_itself_is_still_fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    me = signed_in("admin", "admin")
    now = clock.now()
    SignedInSession.objects.update(auth_time=now - timedelta(seconds=600), last_seen=now)
    monkeypatch.setattr(clock, "now", lambda: now)
    assert me.get(PAGE).status_code == 200
    monkeypatch.setattr(clock, "now", lambda: now + timedelta(seconds=1))
    assert me.get(PAGE).status_code == 302


def test_a_sign_in_without_a_second_factor_is_not_enough() -> None:
    me = signed_in("admin", "admin", amr=("pwd",))
    assert asked(me.get(PAGE)["Location"])["fresh"] == "1"
    assert me.get("/gated-by-age/").content == b"let in"


def test_where_any_factor_does_only_the_age_is_asked_for() -> None:
    me = signed_in("admin", "admin", amr=())
    age(seconds=61)
    assert asked(me.get("/gated-by-age/")["Location"]) == {"fresh": "age", "next": "/gated-by-age/"}


def test_an_issuer_is_asked_for_what_the_page_needs_and_no_more(visitor: Visit) -> None:
    me = visitor("operator")
    by_age = me.get("/oidc/authenticate/?fresh=age")["Location"]
    assert "acr_values" not in by_age and "max_age=0" in by_age
    assert "acr_values" in me.get("/oidc/authenticate/?fresh=1")["Location"]


def test_a_time_that_the_issuer_did_not_say_proves_nothing() -> None:
    me = signed_in("admin", "admin")
    SignedInSession.objects.update(auth_time_said=False)
    assert me.get(PAGE).status_code == 302


def test_a_sign_in_in_the_future_is_not_fresh_for_ever() -> None:
    me = signed_in("admin", "admin")
    age(seconds=-59)
    assert me.get(PAGE).status_code == 200
    age(days=-1)
    assert me.get(PAGE).status_code == 302


def test_a_form_that_was_open_too_long_changes_nothing_and_says_what_to_do() -> None:
    me = signed_in("admin", "admin")
    assert me.get(PAGE).status_code == 200
    age(seconds=601)  # the clock went on while the person was writing
    answer = me.post(PAGE, {"words": "too late"})
    assert answer.status_code == 401
    assert answer["Content-Type"] == "application/problem+json"
    problem = answer.json()
    assert problem["code"] == "fresh_sign_in_required"
    assert "more than 10 minutes ago" in problem["detail"]
    assert "Nothing was changed" in problem["detail"]
    assert asked(problem["sign_in"])["fresh"] == "1"
    assert gated.done == []


@pytest.mark.parametrize("method", ["put", "patch", "delete", "post", "options"])
def test_no_other_method_gets_through_with_an_old_sign_in(method: str) -> None:
    me = signed_in("admin", "admin")
    age(seconds=601)
    assert getattr(me, method)(PAGE).status_code == 401
    assert gated.done == []


def test_a_browser_that_sent_the_form_gets_a_page() -> None:
    me = signed_in("admin", "admin")
    age(seconds=601)
    answer = me.post(PAGE, {"words": "too late"}, HTTP_ACCEPT=HTML)
    page = answer.content.decode()
    assert answer.status_code == 401
    assert "Sign in again to do this" in page and "Nothing was changed" in page
    assert "/oidc/authenticate/?fresh=1&amp;next=" in page
    assert gated.done == []


def sent_too_late(me: Client) -> str:
    """The address that a refused form leads to after the sign-in."""
    age(seconds=601)
    form = {"words": "my <rules> & more", "again": ["1", "2"]}
    page = me.post(PAGE, form, HTTP_ACCEPT=HTML, HTTP_HOST=HOST).content.decode()
    [url] = re.findall(r'href="(/oidc/authenticate/[^"]*)"', page.partition("<main")[2])
    return asked(unescape(url))["next"]


def test_a_form_that_came_too_late_is_sent_again_by_one_click() -> None:
    me = signed_in("admin", "admin", csrf=False)
    back = sent_too_late(me)
    assert me.get(back).status_code == 302  # still old: to the sign-in, and here again
    age(seconds=1)
    page = me.get(back).content.decode()
    assert "Nothing was changed yet" in page
    assert gated.done == []  # looking sends nothing
    main = page.partition("<main")[2]
    [action] = re.findall(r'<form class="card" method="post" action="([^"]*)"', main)
    fields = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', main)
    kept = [(unescape(n), unescape(v)) for n, v in fields if n != "csrfmiddlewaretoken"]
    assert kept == [("words", "my <rules> & more"), ("again", "1"), ("again", "2")]
    assert unescape(action) == PAGE
    assert me.post(unescape(action), {"words": kept[0][1]}).status_code == 200
    assert gated.done == ["my <rules> & more"]


def test_a_kept_form_is_its_senders_alone_and_sealed() -> None:
    me = signed_in("admin", "admin")
    back = sent_too_late(me)
    assert signed_in("admin2", "admin").get(back).status_code == 404
    assert Client().get(back).status_code == 302
    row = ShortLivedSecret.objects.get()
    assert b"rules" not in bytes(row.ciphertext)
    assert signed_in("admin", "admin").get(back).status_code == 200


def test_a_kept_form_is_gone_after_a_quarter_of_an_hour(monkeypatch: pytest.MonkeyPatch) -> None:
    me = signed_in("admin", "admin")
    back = sent_too_late(me)
    later = clock.now() + timedelta(minutes=15, seconds=1)
    SignedInSession.objects.update(auth_time=later)
    monkeypatch.setattr(clock, "now", lambda: later)
    assert me.get(back).status_code == 404


def test_a_form_that_is_too_long_to_keep_leads_back_to_its_page() -> None:
    me = signed_in("admin", "admin")
    age(seconds=601)
    answer = me.post(
        PAGE,
        {"words": "x" * 70_000},
        HTTP_ACCEPT=HTML,
        HTTP_HOST=HOST,
        HTTP_REFERER=f"{settings.PORTAL_URL}/approvals/policy/?tab=2",
    )
    page = answer.content.decode()
    assert "next=%2Fapprovals%2Fpolicy%2F%3Ftab%3D2" in page
    assert "is kept for" not in page
    assert not ShortLivedSecret.objects.exists()


def test_a_referer_from_elsewhere_leads_home() -> None:
    me = signed_in("admin", "admin")
    age(seconds=601)
    problem = me.post(PAGE, {"words": "x"}, HTTP_REFERER="https://evil.example/x").json()
    assert asked(problem["sign_in"])["next"] == "/"


@pytest.mark.parametrize("method", ["get", "post"])
def test_a_fragment_takes_the_whole_page_to_the_sign_in(method: str) -> None:
    me = signed_in("admin", "admin")
    age(seconds=601)
    looking_at = f"http://{HOST}/audit/events/?q=x"
    answer = getattr(me, method)(PAGE, HTTP_HX_REQUEST="true", HTTP_HX_CURRENT_URL=looking_at)
    assert answer.status_code == 401 and not answer.content
    assert asked(answer["HX-Redirect"]) == {"fresh": "1", "next": "/audit/events/?q=x"}


def test_the_gate_opens_nothing_to_strangers_and_to_forms_from_elsewhere() -> None:
    assert Client().get(PAGE)["Location"].startswith("/oidc/authenticate/?next=")
    me = signed_in("admin", "admin", csrf=True)
    assert me.post(PAGE, {"words": "forged"}).status_code == 403
    assert gated.done == []


def test_an_ordinary_sign_in_asks_when_the_person_really_signed_in(visitor: Visit) -> None:
    me = visitor("operator")
    sent = parse_qs(urlsplit(me.get("/oidc/authenticate/")["Location"]).query)
    assert sent["max_age"] == [str(settings.SESSION_COOKIE_AGE)]
    me.sign_in()
    row = SignedInSession.objects.get()
    assert row.auth_time_said
    assert me.get(PAGE).status_code == 200  # it was a moment ago, with a second factor


def test_after_the_fresh_sign_in_the_person_is_back_where_they_were(visitor: Visit) -> None:
    me = visitor("operator").sign_in()
    age(hours=1)
    before = SignedInSession.objects.get()
    page = me.follow(me.get(PAGE))
    assert page.content.startswith(b"form of rules")
    assert me.trace[-1].endswith(PAGE)
    after = SignedInSession.objects.get()
    assert after.auth_time > before.auth_time + timedelta(minutes=59)
    assert after.amr == ["mfa"]


def test_a_session_of_the_issuer_that_goes_on_silently_is_not_fresh(visitor: Visit) -> None:
    """The issuer signs in whom it knows without asking: no second factor was just shown."""
    me = visitor("operator").sign_in()
    me.sign_in()
    assert SignedInSession.objects.get().amr == []
    assert me.get(PAGE).status_code == 302
