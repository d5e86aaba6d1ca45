"""Every hostile ID token, through the whole sign-in: a page, an event, no session, never a 500."""

from __future__ import annotations

import base64
import hashlib
import json
import time
from typing import Any

import pytest
import time_machine

from accounts.models import User
from tests.attacks.sign_in.bending import with_times as common
from tests.attacks.sign_in.forging import (
    ABSENT,
    FORGERIES,
    KEY,
    ROGUE,
    Attack,
    Forge,
    b64,
    claims,
    header,
    written,
)
from tests.attacks.sign_in.provider import CLIENT, EVENT, ROLES, Provider, says
from tests.attacks.sign_in.visiting import Browser, assert_refused, at_the_provider, events

ISSUER = "the issuer, known when the test runs"
API = "https://ata.local/api"


def _at_hash_of_another(forge: Forge) -> None:
    half = hashlib.sha256(b"another access token").digest()[:16]
    forge.claims["at_hash"] = b64(half)


def _at_hash_untrimmed(forge: Forge) -> None:
    whole = hashlib.sha256(forge.access_token.encode()).digest()
    forge.claims["at_hash"] = base64.urlsafe_b64encode(whole).decode()


def _an_access_token(forge: Forge) -> None:
    forge.claims.update(aud=[API, forge.claims["iss"] + "userinfo"], azp=CLIENT, scope="openid")
    forge.claims.pop("nonce")


def _an_access_token_for_us_too(forge: Forge) -> None:
    forge.header["typ"] = "at+jwt"
    forge.claims.update(aud=[API, CLIENT], azp=CLIENT, scope="openid")


def _a_logout_token(forge: Forge) -> None:
    forge.claims.update(events={EVENT: {}}, jti="j-1")
    forge.claims.pop("nonce")


def _a_logout_token_with_our_nonce(forge: Forge) -> None:
    forge.claims.update(events={EVENT: {}}, jti="j-1")


def id_token_claims(now: float, issuer: str) -> tuple[Attack, ...]:
    """Claims that only an ID token has, and tokens that are none."""
    return (
        claims("missing_claim", "no sub", {"sub": ABSENT}),
        claims("missing_claim", "sub is empty", {"sub": ""}),
        claims("missing_claim", "sub is null", {"sub": None}),
        claims("authorized_party", "several aud and no azp", {"aud": [CLIENT, "other"]}),
        claims("authorized_party", "several aud, azp of another",
               {"aud": [CLIENT, "other"], "azp": "other"}),
        claims("authorized_party", "azp of another", {"azp": "other"}),
        claims("authorized_party", "azp is empty", {"azp": ""}),
        claims("bad_claim", "azp is a list", {"azp": [CLIENT]}),
        claims("nonce", "nonce of another sign-in", {"nonce": "somebody-elses"}),
        claims("nonce", "no nonce", {"nonce": ABSENT}),
        claims("nonce", "nonce is null", {"nonce": None}),
        claims("nonce", "nonce is empty", {"nonce": ""}),
        claims("bad_claim", "nonce is a list", {"nonce": ["n"]}),
        claims("bad_claim", "nonce is true", {"nonce": True}),
        claims("nonce", "nonce in other letters", {"nonce": "ñöñçé"}),
        claims("issued_in_future", "auth_time tomorrow", {"auth_time": now + 86_400}),
        claims("bad_claim", "auth_time is text", {"auth_time": "yesterday"}),
        claims("bad_claim", "auth_time is negative", {"auth_time": -62_135_596_800}),
        claims("bad_claim", "roles are text", {ROLES: "admin"}),
        claims("bad_claim", "roles are text with spaces", {ROLES: "operator admin"}),
        claims("bad_claim", "roles are an object", {ROLES: {"admin": True}}),
        claims("bad_claim", "roles are a number", {ROLES: 1}),
        claims("bad_claim", "roles hold an object", {ROLES: [{"role": "admin"}]}),
        claims("bad_claim", "roles hold a NUL", {ROLES: ["operator\0"]}),
        claims("bad_claim", "roles hold a list", {ROLES: [["admin"]]}),
        claims("bad_claim", "amr is text", {"amr": "mfa"}),
        claims("bad_claim", "sid is a number", {"sid": 5}),
        claims("bad_claim", "sid is longer than we keep", {"sid": "s" * 300}),
        claims("bad_claim", "sid holds a NUL", {"sid": "s\0s"}),
        claims("bad_claim", "acr is longer than we keep", {"acr": "a" * 300}),
        claims("bad_claim", "amr holds a NUL", {"amr": ["m\0fa"]}),
        claims("bad_claim", "name is an object", {"name": {"first": "Olu"}}),
        claims("bad_claim", "email is a list", {"email": ["a@b.example"]}),
        claims("bad_claim", "at_hash is a number", {"at_hash": 5}),
        claims("at_hash", "at_hash in other letters", {"at_hash": "ñöñçé"}),
        Attack("at_hash of another access token", _at_hash_of_another, "at_hash"),
        Attack("at_hash of the whole digest", _at_hash_untrimmed, "at_hash"),
        header("type", "typ of an access token", typ="at+jwt"),
        header("type", "typ of a logout token", typ="logout+jwt"),
        Attack("an access token", _an_access_token, "audience"),
        Attack("an access token for us too", _an_access_token_for_us_too, "type"),
        Attack("a logout token", _a_logout_token, "logout_token"),
        Attack("a logout token with our nonce", _a_logout_token_with_our_nonce, "logout_token"),
        written("no_id_token", "no ID token", lambda _: None),
        written("no_id_token", "an empty ID token", lambda _: ""),
        written("bad_answer", "an ID token without end", lambda t: f"{t}{'A' * 64_000}"),
        written("bad_answer", "an ID token that is a number", lambda _: 5),
        written("bad_answer", "an ID token that is an object", lambda _: {"alg": "none"}),
        written("bad_answer", "an ID token that is a list", lambda token: [token]),
    )  # fmt: skip


def _table(now: float, issuer: str) -> dict[str, Attack]:
    found = (*FORGERIES, *common(now, issuer, CLIENT), *id_token_claims(now, issuer))
    named = {attack.name: attack for attack in found}
    assert len(named) == len(found), "two attacks of one name"
    return named


NAMES = tuple(_table(0, ISSUER))


def test_there_are_enough_of_them() -> None:
    assert len(NAMES) >= 150


@pytest.mark.parametrize("name", NAMES)
def test_a_hostile_id_token_is_a_page_with_a_reference_and_no_session(
    provider: Provider, browser: Browser, name: str
) -> None:
    attack = _table(time.time(), provider.issuer)[name]
    seen: list[Any] = []

    def bend(forge: Forge) -> None:
        attack.bend(forge)
        finish = forge.finish or (lambda token: token)

        def keep(token: str) -> Any:
            seen.append(finish(token))
            return seen[-1]

        forge.finish = keep

    provider.bend = bend
    page = browser.sign_in()
    whole = seen[0] if isinstance(seen[0], str) else ""
    end = whole.rpartition(".")[2][:40]
    # Two letters of a signature stand by chance in what a session holds and a page shows.
    secrets = (whole, end) if len(end) > 10 else (whole,)
    assert_refused(browser, page, attack.expected, *secrets)
    assert ("GET", "/rogue/jwks.json") not in provider.asked


def test_the_good_token_of_this_table_is_good(provider: Provider, browser: Browser) -> None:
    assert browser.sign_in()["Location"] == "/"
    assert browser.signed_in
    assert User.objects.get().roles == ["operator"]


@pytest.mark.parametrize(
    "extra",
    [
        {ROLES: ABSENT, "roles": ["admin"]},
        {ROLES: ABSENT, "https://evil.example/roles": ["admin"]},
        {ROLES: ABSENT, ROLES + "/": ["admin"], ROLES.upper(): ["admin"]},
        {ROLES: ["root", "Admin", " admin", "admin ", "superuser"]},
        {ROLES: None},
        {ROLES: []},
    ],
    ids=["no namespace", "another namespace", "nearly ours", "unknown roles", "null", "none"],
)
def test_roles_from_elsewhere_or_unknown_make_a_member_and_no_more(
    provider: Provider, browser: Browser, extra: dict[str, Any]
) -> None:
    provider.bend = lambda forge: forge.claims.update(extra)
    assert browser.sign_in()["Location"] == "/"
    assert User.objects.get().roles == []
    assert events("operator.signed_in")[0]["actor"]["roles"] == []
    assert browser.get("/audit/ledger/verify/").status_code in {403, 405}
    assert browser.get("/connections/inventory/").status_code == 403


@pytest.mark.parametrize(
    "shown",
    [
        {"name": "Olu\0 \r\nSet-Cookie: a=b", "email": "o\u202e@acme.example"},
        {"name": "O" * 2000, "email": "e" * 1990 + "@acme.example"},
        {"name": "<script>alert(1)</script>", "email": "{{ 7|add:7 }}"},
    ],
    ids=["control characters", "very long", "markup"],
)
def test_a_strange_name_is_shown_harmlessly_and_locks_nobody_out(
    provider: Provider, browser: Browser, shown: dict[str, str]
) -> None:
    provider.bend = lambda forge: forge.claims.update(shown)
    assert browser.sign_in()["Location"] == "/"
    user = User.objects.get()
    assert len(user.name) <= 200 and len(user.email) <= 254
    assert all(letter.isprintable() for letter in user.name + user.email)
    page = browser.get("/account/").content.decode()
    assert "<script>alert" not in page and ">14<" not in page


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        ({"exp": -59}, ""),
        ({"iat": 60, "nbf": 60}, ""),
        ({"auth_time": 60}, ""),
        ({"exp": -60}, "expired"),
        ({"iat": 61}, "issued_in_future"),
        ({"nbf": 61}, "not_yet_valid"),
        ({"auth_time": 61}, "issued_in_future"),
    ],
    ids=str,
)
def test_clocks_may_differ_by_a_minute_and_no_more(
    provider: Provider, browser: Browser, seconds: dict[str, int], expected: str
) -> None:
    with time_machine.travel(int(time.time()), tick=False):
        now = int(time.time())
        at = {name: now + by for name, by in seconds.items()}
        provider.bend = lambda forge: forge.claims.update(at)
        page = browser.sign_in()
        if expected:
            assert_refused(browser, page, expected)
        else:
            assert page["Location"] == "/"


# Userinfo, which is asked where the ID token has no profile.

NO_PROFILE = {"name": ABSENT, "email": ABSENT}


def _userinfo(provider: Provider, status: int, value: Any) -> None:
    provider.lies["/userinfo"] = lambda _honest: says(value, status)
    provider.bend = lambda forge: forge.claims.update(NO_PROFILE)


@pytest.mark.parametrize(
    ("status", "value", "expected"),
    [
        (200, {"sub": "auth0|somebody-else", "name": "Amir Admin"}, "userinfo_mismatch"),
        (200, {"sub": "AUTH0|65f0a1d17e5c3b9a40c1b001"}, "userinfo_mismatch"),
        (200, {"name": "Amir Admin"}, "bad_answer"),
        (200, {"sub": ""}, "bad_answer"),
        (200, {"sub": 7}, "bad_answer"),
        (200, {"sub": "auth0|65f0a1d17e5c3b9a40c1b001", "name": ["x"]}, "bad_answer"),
        (200, ["sub"], "bad_answer"),
        (401, {"error": "invalid_token"}, "invalid_token"),
        (403, {"error": "insufficient_scope"}, "insufficient_scope"),
        (500, {"error": "server_error"}, "server_error"),
    ],
)
def test_a_userinfo_that_says_something_else_ends_the_sign_in(
    provider: Provider, browser: Browser, status: int, value: Any, expected: str
) -> None:
    _userinfo(provider, status, value)
    assert_refused(browser, browser.sign_in(), expected)


@pytest.mark.parametrize("token", ["a\r\nX-Evil: 1", "a\nb", "ñ", "\u2028", "a\0b", "a b", "€" * 9])
def test_an_access_token_that_no_header_can_carry_is_not_sent(
    provider: Provider, browser: Browser, token: str
) -> None:
    def bend(forge: Forge) -> None:
        forge.access_token = token
        forge.claims.update(NO_PROFILE)

    provider.bend = bend
    assert_refused(browser, browser.sign_in(), "bad_answer", token)
    assert ("GET", "/userinfo") not in provider.asked


def test_userinfo_gives_a_name_and_never_a_role(provider: Provider, browser: Browser) -> None:
    told = {"sub": provider.sub, "name": "Olu\0 Operator", ROLES: ["admin"], "roles": ["admin"]}
    _userinfo(provider, 200, told)
    assert browser.sign_in()["Location"] == "/"
    user = User.objects.get()
    assert (user.name, user.roles) == ("Olu Operator", ["operator"])


# Keys that are not the issuer's, although it publishes them.


def _oct_of(text: str) -> dict[str, Any]:
    return {"kty": "oct", "kid": "key-1", "k": b64(text.encode()), "alg": "HS256"}


def test_a_secret_among_the_published_keys_verifies_nothing(
    provider: Provider, browser: Browser
) -> None:
    provider.published = [_oct_of("guess"), *provider.published[1:]]
    provider.bend = lambda forge: forge.header.update(alg="HS256")
    assert_refused(browser, browser.sign_in(), "algorithm")


def test_a_token_of_another_issuers_key_set_is_refused(
    provider: Provider, browser: Browser
) -> None:
    provider.key = ROGUE
    assert_refused(browser, browser.sign_in(), "unknown_key")


def test_what_is_refused_says_nothing_of_the_claims(provider: Provider, browser: Browser) -> None:
    marked = {"email": "marker@leak.example", "nonce": "marker-nonce", "sub": "auth0|marker-sub"}
    provider.bend = lambda forge: forge.claims.update(marked)
    page = browser.sign_in()
    assert_refused(browser, page, "nonce", *marked.values())
    assert "marker" not in json.dumps(events(), default=str)


def test_the_code_of_somebody_else_is_worth_nothing(provider: Provider, browser: Browser) -> None:
    """A code that was issued for another browser, pasted behind one's own state: PKCE refuses it,
    and where the issuer forgets PKCE, the nonce does."""
    other = at_the_provider(Browser().begin())
    code = other.partition("code=")[2].partition("&")[0]
    mine = at_the_provider(browser.begin())
    state = mine.partition("state=")[2]
    page = browser.get(f"/oidc/callback/?code={code}&state={state}")
    assert_refused(browser, page, "invalid_grant")


def test_the_code_of_somebody_else_fails_by_its_nonce_where_pkce_is_forgotten(
    provider: Provider, browser: Browser
) -> None:
    provider.checks_pkce = False
    other = at_the_provider(Browser().begin())
    code = other.partition("code=")[2].partition("&")[0]
    state = at_the_provider(browser.begin()).partition("state=")[2]
    page = browser.get(f"/oidc/callback/?code={code}&state={state}")
    assert_refused(browser, page, "nonce")
    assert KEY.kid
