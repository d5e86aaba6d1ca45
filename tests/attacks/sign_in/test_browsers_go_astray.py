"""Lost and replayed answers, two tabs, the back button, blocked cookies, planted sessions."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.conf import settings as django_settings
from django.test import Client

from accounts.models import SignedInSession, User
from accounts.sessions.hashed_key_store import stored_key
from tests.attacks.sign_in.forging import ABSENT
from tests.attacks.sign_in.provider import Provider
from tests.attacks.sign_in.visiting import (
    START,
    Browser,
    assert_refused,
    at_the_provider,
    events,
)

COOKIE = django_settings.SESSION_COOKIE_NAME


def test_two_tabs_sign_in_side_by_side_and_each_arrives_where_it_was_going(
    browser: Browser,
) -> None:
    first = at_the_provider(browser.begin("?next=/approvals/"))
    second = at_the_provider(browser.begin("?next=/account/"))
    assert browser.get(first)["Location"] == "/approvals/"
    assert browser.signed_in
    assert browser.get(second)["Location"] == "/account/"
    assert browser.signed_in
    assert SignedInSession.objects.count() == 1


def test_the_second_tab_may_finish_first(browser: Browser) -> None:
    first = at_the_provider(browser.begin("?next=/approvals/"))
    second = at_the_provider(browser.begin("?next=/account/"))
    assert browser.get(second)["Location"] == "/account/"
    assert browser.get(first)["Location"] == "/approvals/"
    assert browser.signed_in


def test_answers_of_two_tabs_cannot_be_mixed(browser: Browser) -> None:
    first = parse_qs(urlsplit(at_the_provider(browser.begin())).query)
    second = parse_qs(urlsplit(at_the_provider(browser.begin())).query)
    mixed = f"/oidc/callback/?code={first['code'][0]}&state={second['state'][0]}"
    assert_refused(browser, browser.get(mixed), "invalid_grant")


def test_answers_of_two_tabs_cannot_be_mixed_where_pkce_is_forgotten(
    provider: Provider, browser: Browser
) -> None:
    provider.checks_pkce = False
    first = parse_qs(urlsplit(at_the_provider(browser.begin())).query)
    second = parse_qs(urlsplit(at_the_provider(browser.begin())).query)
    mixed = f"/oidc/callback/?code={first['code'][0]}&state={second['state'][0]}"
    assert_refused(browser, browser.get(mixed), "nonce")


def test_many_tabs_are_remembered_and_no_more_than_fifty(browser: Browser) -> None:
    first = at_the_provider(browser.begin())
    for _ in range(55):
        last = browser.begin()
    assert len(browser.client.session["oidc_states"]) <= 50
    assert browser.get(first)["Location"].startswith(START)
    assert browser.get(at_the_provider(last))["Location"] == "/"


def test_the_back_button_to_the_callback_keeps_the_session(
    provider: Provider, browser: Browser
) -> None:
    back = at_the_provider(browser.begin("?next=/account/"))
    assert browser.get(back)["Location"] == "/account/"
    spent = len(provider.asked)
    for _ in range(3):
        assert browser.get(back)["Location"] == "/"
    assert browser.signed_in
    assert len(provider.asked) == spent, "the code is not sent twice"
    assert len(events("operator.signed_in")) == 1
    assert events("operator.sign_in_failed") == []


def test_a_double_click_whose_first_answer_was_lost_signs_in_again(browser: Browser) -> None:
    """The browser dropped the first answer and with it the new cookie: the old session is gone."""
    back = at_the_provider(browser.begin())
    twin = Browser(Client(COOKIES={}))
    twin.client.cookies[COOKIE] = browser.client.cookies[COOKIE].value
    assert browser.get(back)["Location"] == "/"
    again = twin.get(back)
    assert again["Location"].startswith(START)
    assert twin.get(at_the_provider(twin.get(again["Location"])["Location"]))["Location"] == "/"
    assert twin.signed_in and browser.signed_in


def test_two_answers_at_once_spend_the_code_once(provider: Provider, browser: Browser) -> None:
    """Both requests read the session before either wrote it: the issuer's refusal of the second
    is said on a page that leads to the session which the first began."""
    back = at_the_provider(browser.begin())
    before = dict(browser.client.session)
    browser.get(back)
    session = browser.client.session
    session["oidc_states"] = before["oidc_states"]
    session.save()
    page = browser.get(back)
    assert page.status_code == 403
    assert b"Sign-in failed" in page.content
    assert events("operator.sign_in_failed")[0]["data"]["code"] == "invalid_grant"
    assert browser.signed_in
    assert SignedInSession.objects.count() == 1


def test_a_lost_state_starts_again_by_itself_and_arrives(browser: Browser) -> None:
    browser.begin()
    again = browser.get("/oidc/callback/?code=c&state=lost")
    assert again["Location"].startswith(START)
    sent = browser.get(again["Location"])
    assert browser.get(at_the_provider(sent["Location"]))["Location"] == "/"
    assert browser.signed_in
    assert events("operator.sign_in_failed") == []


def test_a_state_that_is_lost_twice_is_a_page_that_says_start_again(browser: Browser) -> None:
    browser.begin()
    browser.get("/oidc/callback/?code=c&state=lost")
    page = browser.get("/oidc/callback/?code=c&state=lost")
    assert_refused(browser, page, "state_lost")
    words = page.content.decode()
    assert "Start again" in words
    assert "another tab" in words
    assert browser.sign_in()["Location"] == "/", "and starting again works"


def test_blocked_cookies_are_said_and_not_a_circle(provider: Provider) -> None:
    """A browser that keeps no cookie would go between portal and issuer for ever."""
    steps = 0
    answer = Browser().get(START)
    while answer.status_code == 302 and steps < 20:
        steps += 1
        target = answer["Location"]
        if target.startswith(provider.issuer):
            target = at_the_provider(target)
        answer = Browser().get(target)
    assert steps <= 4
    assert_refused(Browser(), answer, "cookies_blocked")
    assert "cookies" in answer.content.decode()


def test_an_answer_that_nobody_asked_for_signs_nobody_in(provider: Provider) -> None:
    """Login CSRF: somebody else's code behind somebody else's state."""
    attacker, victim = Browser(), Browser()
    theirs = at_the_provider(attacker.begin())
    spent = len(provider.asked)
    assert victim.get(theirs)["Location"].startswith(START)
    assert not victim.signed_in
    assert ("POST", "/oauth/token") not in provider.asked[spent:]


def test_an_answer_for_somebody_else_does_not_replace_who_is_signed_in(
    provider: Provider, browser: Browser
) -> None:
    browser.sign_in()
    provider.sub = "auth0|the-attacker"
    theirs = at_the_provider(Browser().begin())
    assert browser.get(theirs)["Location"] == "/"
    assert SignedInSession.objects.get().user.sub != provider.sub
    assert not User.objects.filter(sub=provider.sub).exists()


def test_a_planted_session_is_worth_nothing_after_the_sign_in(browser: Browser) -> None:
    attacker = Browser()
    attacker.begin()
    planted = attacker.client.cookies[COOKIE].value
    browser.client.cookies[COOKIE] = planted
    assert browser.sign_in()["Location"] == "/"
    assert browser.signed_in
    assert browser.client.cookies[COOKIE].value != planted
    assert not attacker.signed_in


def test_a_session_key_that_we_did_not_make_is_not_adopted(browser: Browser) -> None:
    browser.client.cookies[COOKIE] = "a" * 32
    browser.sign_in()
    assert browser.client.cookies[COOKIE].value != "a" * 32
    assert SignedInSession.objects.get().session_key != stored_key("a" * 32)


def test_the_sign_in_leaves_nothing_of_itself_in_the_session(browser: Browser) -> None:
    browser.sign_in("?next=/account/")
    left = set(browser.client.session.keys())
    assert not left & {"oidc_login_next", "sign_in_restarted"}
    assert browser.client.session.get("oidc_states", {}) == {}


def test_a_failed_attempt_keeps_the_session_that_there_was(
    provider: Provider, browser: Browser
) -> None:
    browser.sign_in()
    provider.bend = lambda forge: forge.claims.update(nonce="another")
    page = browser.sign_in("?fresh=1")
    assert page.status_code == 403
    assert browser.signed_in


def test_an_error_of_the_issuer_keeps_the_other_tab_alive(browser: Browser) -> None:
    states = [parse_qs(urlsplit(browser.begin()).query)["state"][0] for _ in range(2)]
    refused = browser.get(f"/oidc/callback/?error=login_required&state={states[0]}")
    assert refused.status_code == 403
    assert list(browser.client.session["oidc_states"]) == [states[1]]
    replayed = browser.get(f"/oidc/callback/?error=login_required&state={states[0]}")
    assert replayed["Location"].startswith(START)


@pytest.mark.parametrize(
    "query",
    [
        "",
        "?code=",
        "?state=",
        "?code=c",
        "?state=s",
        "?code=c&state=",
        "?code=&state=s",
        "?error=&state=s",
        "?error=x",
        "?error=x&state=",
        "?code=c&state=" + "s" * 4000,
        "?code=%ff%fe&state=%ff",
        "?code[]=c&state[]=s",
        "?code=c&code=d&state=s&state=t",
        "?iss=https://evil.example/&code=c&state=s",
    ],
)
def test_a_malformed_answer_starts_again_and_asks_the_issuer_nothing(
    provider: Provider, browser: Browser, query: str
) -> None:
    browser.begin()
    spent = len(provider.asked)
    answer = browser.get(f"/oidc/callback/{query}")
    assert answer.status_code == 302 and answer["Location"].startswith(START)
    assert len(provider.asked) == spent
    assert events() == []


@pytest.mark.parametrize("code", ["", "c" * 4000, "%ff%fe", "a%0d%0ab", "made-up"])
def test_a_made_up_code_behind_a_real_state_is_refused(
    provider: Provider, browser: Browser, code: str
) -> None:
    state = parse_qs(urlsplit(browser.begin()).query)["state"][0]
    page = browser.get(f"/oidc/callback/?code={code}&state={state}")
    assert_refused(browser, page, "invalid_grant")


# A sign-in that was asked to be fresh has to be.


@pytest.mark.parametrize(
    ("auth_time", "expected"),
    [(ABSENT, "missing_claim"), (None, "missing_claim"), (-3600, "too_old"), (-62, "too_old")],
)
def test_an_old_sign_in_does_not_pass_for_a_fresh_one(
    provider: Provider, browser: Browser, auth_time: Any, expected: str
) -> None:
    def bend(forge: Any) -> None:
        late = auth_time if not isinstance(auth_time, int) else forge.claims["iat"] + auth_time
        forge.claims["auth_time"] = late

    provider.bend = bend
    assert_refused(browser, browser.sign_in("?fresh=1"), expected)


def test_leaving_the_freshness_out_on_the_way_is_noticed(
    provider: Provider, browser: Browser
) -> None:
    """Whoever holds the browser can take `max_age` out of the request; the answer then shows it."""
    provider.extra = {"auth_time": 1_700_000_000}
    url = browser.begin("?fresh=1").replace("&max_age=0", "").replace("&prompt=login", "")
    assert_refused(browser, browser.get(at_the_provider(url)), "too_old")


@pytest.mark.parametrize("amr", [ABSENT, None, [], ["pwd"], ["otp"], ["MFA"]])
def test_an_issuer_that_asks_for_no_second_factor_gives_no_fresh_sign_in(
    provider: Provider, browser: Browser, amr: Any
) -> None:
    provider.bend = lambda forge: forge.claims.update(amr=amr)
    assert_refused(browser, browser.sign_in("?fresh=1"), "no_second_factor")


def test_leaving_the_second_factor_out_on_the_way_is_noticed(
    provider: Provider, browser: Browser
) -> None:
    provider.extra = {"amr": ["pwd"]}
    url = browser.begin("?fresh=1")
    assert "acr_values=" in url
    bare = re.sub(r"&acr_values=[^&]*", "", url)
    assert_refused(browser, browser.get(at_the_provider(bare)), "no_second_factor")


def test_one_factor_is_enough_where_only_the_age_is_asked_for(
    provider: Provider, browser: Browser
) -> None:
    provider.extra = {"amr": ["pwd"]}
    assert browser.sign_in("?fresh=age&next=/account/")["Location"] == "/account/"


def test_a_fresh_sign_in_is_taken_and_says_when(provider: Provider, browser: Browser) -> None:
    assert browser.sign_in("?fresh=1&next=/account/")["Location"] == "/account/"
    assert events("operator.signed_in")[0]["data"]["auth_time"]
