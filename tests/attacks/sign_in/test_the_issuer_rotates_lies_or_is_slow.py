"""Keys that change, discovery and key sets that fail, lie, or come slowly; answers of any shape."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
import time_machine

from tests.attacks.sign_in.forging import KEY, ROGUE, SECOND, b64, private, public
from tests.attacks.sign_in.provider import Page, Provider, says
from tests.attacks.sign_in.visiting import (
    START,
    Browser,
    assert_refused,
    at_the_provider,
    events,
)

DISCOVERY, JWKS = "/.well-known/openid-configuration", "/.well-known/jwks.json"
TOKEN = "/oauth/token"


def lie(provider: Provider, path: str, page: Page | dict[str, Any]) -> None:
    """Answer `page` at `path`; a dict changes members of the honest JSON."""

    def told(honest: Page) -> Page:
        if isinstance(page, Page):
            return page
        merged = json.loads(honest.body) | page
        return says({name: value for name, value in merged.items() if value is not None})

    provider.lies[path] = told


# Rotation.


def test_a_new_key_is_found_by_looking_again(provider: Provider, browser: Browser) -> None:
    with time_machine.travel(time.time(), tick=True) as clock:
        browser.sign_in()
        provider.published, provider.key = [public(ROGUE), public(KEY)], ROGUE
        clock.shift(6)
        assert browser.sign_in()["Location"] == "/"
        assert [path for _, path in provider.asked].count(JWKS) == 2


def test_a_key_that_was_withdrawn_is_forgotten_within_the_hour(
    provider: Provider, browser: Browser
) -> None:
    with time_machine.travel(time.time(), tick=True) as clock:
        assert browser.get(at_the_provider(browser.begin()))["Location"] == "/"
        provider.published = [public(SECOND)]
        clock.shift(3601)
        page = Browser().sign_in()
        assert page.status_code == 403
        assert events("operator.sign_in_failed")[0]["data"]["code"] == "unknown_key"


def test_a_withdrawn_key_is_forgotten_as_soon_as_a_new_one_is_looked_for(
    provider: Provider,
) -> None:
    with time_machine.travel(time.time(), tick=True) as clock:
        Browser().sign_in()
        provider.published, provider.key = [public(ROGUE)], ROGUE
        clock.shift(6)
        assert Browser().sign_in()["Location"] == "/"
        provider.key = KEY
        assert Browser().sign_in().status_code == 403


def test_invented_key_ids_do_not_make_us_hammer_the_issuer(provider: Provider) -> None:
    provider.key = ROGUE
    with time_machine.travel(time.time(), tick=False):  # however long five of them take
        for _ in range(5):
            assert Browser().sign_in().status_code == 403
    assert [path for _, path in provider.asked].count(JWKS) <= 2


def test_an_outage_of_keys_and_discovery_after_a_first_sign_in_is_not_noticed(
    provider: Provider,
) -> None:
    with time_machine.travel(time.time(), tick=True) as clock:
        Browser().sign_in()
        for path in (DISCOVERY, JWKS):
            lie(provider, path, Page(b"", 503))
        clock.shift(7200)
        assert Browser().sign_in()["Location"] == "/"
        clock.shift(86_400)
        page = Browser().get(START)
        assert page.status_code == 503


# Discovery.

_HERE = "http://127.0.0.1:9"
DOCUMENTS: dict[str, tuple[Page | dict[str, Any], str]] = {
    "another issuer": ({"issuer": "https://evil.example/"}, "issuer_mismatch"),
    "an issuer below ours": ({"issuer": "{issuer}evil/"}, "issuer_mismatch"),
    "no issuer": ({"issuer": None}, "bad_answer"),
    "an issuer that is a list": ({"issuer": ["x"]}, "bad_answer"),
    "no authorization endpoint": ({"authorization_endpoint": None}, "bad_answer"),
    "a script for an endpoint": ({"authorization_endpoint": "javascript:alert(1)"}, "bad_answer"),
    "data for an endpoint": ({"authorization_endpoint": "data:text/html,x"}, "bad_answer"),
    "a path for an endpoint": ({"authorization_endpoint": "//evil.example/x"}, "bad_answer"),
    "a line break in an endpoint": (
        {"authorization_endpoint": "{issuer}authorize\r\nSet-Cookie: a=b"},
        "bad_answer",
    ),
    "a space in an endpoint": ({"authorization_endpoint": "{issuer}a b"}, "bad_answer"),
    "other letters in an endpoint": ({"authorization_endpoint": "{issuer}é"}, "bad_answer"),
    "a number for an endpoint": ({"token_endpoint": 5}, "bad_answer"),
    "no keys": ({"jwks_uri": None}, "bad_answer"),
    "a file for the keys": ({"jwks_uri": "file:///etc/passwd"}, "bad_answer"),
    "a list": (says(["issuer"]), "bad_answer"),
    "text": (says("issuer"), "bad_answer"),
    "nothing": (Page(b""), "bad_answer"),
    "HTML": (Page(b"<h1>Welcome</h1>", type="text/html"), "bad_answer"),
    "a repeated member": (Page(b'{"issuer":"a","issuer":"b"}'), "bad_answer"),
    "five megabytes": (Page(b'{"issuer":"' + b"x" * 5_000_000 + b'"}'), "bad_answer"),
    "an error": (Page(b"", 500), "issuer_unreachable"),
    "not found": (says({"error": "not_found"}, 404), "issuer_unreachable"),
    "a redirect": (
        Page(b"", 302, headers=(("Location", f"{_HERE}/discovery"),)),
        "bad_answer",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_discovery_document_that_lies_or_fails_is_a_page_before_anything_is_sent(
    provider: Provider, browser: Browser, name: str
) -> None:
    document, expected = DOCUMENTS[name]
    if isinstance(document, dict):
        document = {
            member: value.replace("{issuer}", provider.issuer) if isinstance(value, str) else value
            for member, value in document.items()
        }
    lie(provider, DISCOVERY, document)
    page = browser.get(START)
    assert page.status_code == 503
    assert_refused(browser, page, expected)
    assert {path for _, path in provider.asked} == {DISCOVERY}


@pytest.mark.parametrize(
    ("member", "expected"),
    [("token_endpoint", "issuer_unreachable"), ("jwks_uri", "issuer_unreachable")],
)
def test_neither_code_nor_secret_is_sent_to_another_host(
    provider: Provider, browser: Browser, member: str, expected: str
) -> None:
    """127.0.0.1 is our own provider under a name that the issuer's URL does not have."""
    port = provider.issuer.rstrip("/").rpartition(":")[2]
    lie(provider, DISCOVERY, {member: f"http://127.0.0.1:{port}/stolen"})
    assert_refused(browser, browser.sign_in(), expected)
    assert not [path for _, path in provider.asked if path == "/stolen"]


def test_an_authorization_endpoint_may_have_a_query_of_its_own(
    provider: Provider, browser: Browser
) -> None:
    there = f"{provider.issuer}authorize?tenant=acme"
    lie(provider, DISCOVERY, {"authorization_endpoint": there})
    url = browser.begin()
    assert url.startswith(f"{there}&response_type=code") and url.count("?") == 1
    assert browser.get(at_the_provider(url))["Location"] == "/"


# Key sets.


def _weak() -> dict[str, Any]:
    """Our own key, called by its name, cut down to what anybody could factor."""
    numbers = private(KEY).public_key().public_numbers()
    return public(KEY) | {"n": b64((numbers.n >> 1024).to_bytes(128))}


KEY_SETS: dict[str, tuple[Callable[[], Page], str]] = {
    "none": (lambda: says({"keys": []}), "bad_answer"),
    "no member keys": (lambda: says({}), "bad_answer"),
    "keys that are an object": (lambda: says({"keys": {"key-1": public(KEY)}}), "bad_answer"),
    "keys that are text": (lambda: says({"keys": ["key-1"]}), "bad_answer"),
    "a list": (lambda: says([public(KEY)]), "bad_answer"),
    "HTML": (lambda: Page(b"<h1>Keys</h1>", type="text/html"), "bad_answer"),
    "a redirect": (lambda: Page(b"", 302, headers=(("Location", _HERE),)), "bad_answer"),
    "an error": (lambda: Page(b"", 500), "http_500"),
    "unavailable": (lambda: Page(b"", 503), "http_503"),
    "not found": (lambda: says({"error": "not_found"}, 404), "not_found"),
    "only a secret": (lambda: says({"keys": [{"kty": "oct", "k": "AAAA"}]}), "bad_answer"),
    "only a key to encrypt": (lambda: says({"keys": [public(KEY) | {"use": "enc"}]}), "bad_answer"),
    "only an RS512 key": (lambda: says({"keys": [public(KEY) | {"alg": "RS512"}]}), "bad_answer"),
    "only a short key": (lambda: says({"keys": [_weak()]}), "bad_answer"),
    "an exponent of one": (lambda: says({"keys": [public(KEY) | {"e": "AQ"}]}), "bad_answer"),
    "an even exponent": (lambda: says({"keys": [public(KEY) | {"e": "AQAA"}]}), "bad_answer"),
    "an n that is text": (lambda: says({"keys": [public(KEY) | {"n": "!!"}]}), "bad_answer"),
    "an n that is a number": (lambda: says({"keys": [public(KEY) | {"n": 5}]}), "bad_answer"),
    "somebody else under our name": (
        lambda: says({"keys": [public(ROGUE) | {"kid": "key-1"}]}),
        "signature",
    ),
    "our key under another name": (
        lambda: says({"keys": [public(KEY) | {"kid": "key-9"}]}),
        "unknown_key",
    ),
    "a kid that is a number": (lambda: says({"keys": [public(KEY) | {"kid": 1}]}), "bad_answer"),
}  # fmt: skip


@pytest.mark.parametrize("name", KEY_SETS)
def test_a_key_set_that_lies_or_fails_verifies_nothing(
    provider: Provider, browser: Browser, name: str
) -> None:
    page, expected = KEY_SETS[name]
    lie(provider, JWKS, page())
    assert_refused(browser, browser.sign_in(), expected)


def test_a_hundred_strange_keys_do_not_hide_the_good_one(
    provider: Provider, browser: Browser
) -> None:
    strange: list[dict[str, Any]] = [
        {"kty": "oct", "k": "AAAA", "kid": "key-1"},
        {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA", "kid": "key-1"},
        {"kty": "RSA", "kid": "key-1"},
        {},
        public(KEY) | {"use": "enc"},
    ]
    provider.published = [*strange, public(KEY)]
    assert browser.sign_in()["Location"] == "/"


# The token endpoint.

ANSWERS: dict[str, tuple[Page, str]] = {
    "an error page": (Page(b"<h1>Oops</h1>", 500, "text/html"), "http_500"),
    "an outage": (Page(b"", 503), "http_503"),
    "a rate limit": (says({"error": "too_many_requests"}, 429), "too_many_requests"),
    "wrong secret": (says({"error": "invalid_client"}, 401), "invalid_client"),
    "used code": (says({"error": "invalid_grant"}, 403), "invalid_grant"),
    "second factor": (says({"error": "mfa_required", "mfa_token": "x"}, 403), "mfa_required"),
    "an error without a name": (says({}, 400), "bad_answer"),
    "an error that is a list": (says(["invalid_grant"], 400), "bad_answer"),
    "an error with line breaks": (says({"error": "a\r\nSet-Cookie: b"}, 400), "a Set-Cookie: b"),
    "an error with a NUL": (says({"error": "a\0b"}, 400), "a b"),
    "nothing": (Page(b""), "bad_answer"),
    "HTML": (Page(b"<h1>Welcome</h1>", type="text/html"), "bad_answer"),
    "a list": (says(["access_token"]), "bad_answer"),
    "no access token": (says({"token_type": "Bearer", "id_token": "x"}), "bad_answer"),
    "another type of token": (says({"access_token": "a", "token_type": "mac"}), "bad_answer"),
    "a lifetime of text": (
        says({"access_token": "a", "token_type": "Bearer", "expires_in": "soon"}),
        "bad_answer",
    ),
    "a redirect": (Page(b"", 307, headers=(("Location", _HERE),)), "bad_answer"),
    "five megabytes": (Page(b" " * 5_000_000), "bad_answer"),
}  # fmt: skip


@pytest.mark.parametrize("name", ANSWERS)
def test_an_answer_that_is_no_sign_in_is_a_page(
    provider: Provider, browser: Browser, name: str
) -> None:
    page, expected = ANSWERS[name]
    lie(provider, TOKEN, page)
    answer = browser.sign_in()
    assert "Set-Cookie: b" not in str(answer.headers)
    assert_refused(browser, answer, expected)
    assert [path for _, path in provider.asked].count(TOKEN) == 1, "a code is sent once"


def test_an_error_of_a_thousand_words_is_cut(provider: Provider, browser: Browser) -> None:
    lie(provider, TOKEN, says({"error": "word " * 1000}, 400))
    assert browser.sign_in().status_code == 403
    assert len(events("operator.sign_in_failed")[0]["data"]["code"]) <= 80


# Slowness.


@pytest.mark.parametrize(
    ("path", "expected"),
    [(DISCOVERY, "issuer_unreachable"), (JWKS, "unavailable"), (TOKEN, "unavailable")],
)
def test_an_issuer_that_does_not_answer_in_time_is_said(
    slow: Callable[[str], None], browser: Browser, path: str, expected: str
) -> None:
    began = time.monotonic()
    slow(path)
    page = browser.get(START) if path == DISCOVERY else browser.sign_in()
    assert_refused(browser, page, expected)
    assert time.monotonic() - began < 20


def test_a_slow_userinfo_is_said(
    slow: Callable[[str], None], provider: Provider, browser: Browser
) -> None:
    provider.bend = lambda forge: forge.claims.update(name=None, email=None)
    slow("/userinfo")
    assert_refused(browser, browser.sign_in(), "unavailable")
