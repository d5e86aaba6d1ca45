"""Back-channel logout: a good token ends exactly its sessions, a hostile one ends nothing."""

from __future__ import annotations

import time
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.test import Client

from accounts.models import SeenLogoutToken, SignedInSession
from accounts.sessions.hashed_key_store import stored_key
from audit.models import Event
from tests.attacks.sign_in.bending import with_times as common
from tests.attacks.sign_in.forging import ABSENT, FORGERIES, Attack, Forge, claims, header
from tests.attacks.sign_in.provider import CLIENT, EVENT, SUB, Page, Provider
from tests.attacks.sign_in.visiting import HOST, Answer, Browser, events
from tests.support.pages import signed_in
from tests.support.sign_in import SUBS

OTHER = "auth0|65f0a1d17e5c3b9a40c1a001"


def good(provider: Provider, **members: Any) -> Forge:
    """As Auth0 sends them: `typ` is JWT, they live two minutes."""
    now = int(time.time())
    base = {
        "iss": provider.issuer,
        "sub": SUB,
        "aud": CLIENT,
        "iat": now,
        "exp": now + 120,
        "jti": "j-1",
        "trace_id": "9b1d",
        "events": {EVENT: {}},
    }
    return Forge(base | members)


def send(token: Any, **form: str) -> Answer:
    """As the issuer calls: no cookies, no CSRF token."""
    body = {"logout_token": token} | form
    path = "/oidc/backchannel-logout/"
    return Client(enforce_csrf_checks=True).post(path, body, HTTP_HOST=HOST)


def sid_of(browser: Browser) -> str:
    """What the issuer calls the session of this browser."""
    return SignedInSession.objects.get(
        session_key=stored_key(browser.client.session.session_key)
    ).sid


def an_id_token(forge: Forge) -> None:
    forge.claims.pop("events")
    forge.claims.update(nonce="n", name="Olu")


def an_access_token(forge: Forge) -> None:
    forge.claims.pop("events")
    forge.claims.update(aud="https://ata.local/api", azp=CLIENT, scope="openid")


def logout_token_claims() -> tuple[Attack, ...]:
    """Back-Channel Logout 1.0 sections 2.4 and 2.6."""
    return (
        claims("nonce", "with a nonce", {"nonce": "n"}),
        claims("nonce", "with an empty nonce", {"nonce": ""}),
        claims("nonce", "with a nonce that is null", {"nonce": None}),
        claims("events", "no events", {"events": ABSENT}),
        claims("events", "events are null", {"events": None}),
        claims("events", "no such event", {"events": {}}),
        claims("events", "another event", {"events": {"http://evil.example/logout": {}}}),
        claims("events", "event in another case", {"events": {EVENT.upper(): {}}}),
        claims("events", "events are a list", {"events": [EVENT]}),
        claims("events", "events are text", {"events": EVENT}),
        claims("events", "the event is null", {"events": {EVENT: None}}),
        claims("events", "the event is true", {"events": {EVENT: True}}),
        claims("events", "the event is a list", {"events": {EVENT: []}}),
        claims("missing_claim", "no one named", {"sub": ABSENT}),
        claims("missing_claim", "nobody named, twice", {"sub": "", "sid": ""}),
        claims("missing_claim", "nobody named, null", {"sub": None, "sid": None}),
        claims("bad_claim", "sid is a number", {"sid": 5}),
        claims("bad_claim", "sid is a list", {"sid": ["s"]}),
        claims("bad_claim", "sid is too long", {"sid": "s" * 256}),
        claims("missing_claim", "no jti", {"jti": ABSENT}),
        claims("missing_claim", "jti is empty", {"jti": ""}),
        claims("bad_claim", "jti is a number", {"jti": 5}),
        claims("bad_claim", "jti is longer than we keep", {"jti": "j" * 300}),
        claims("bad_claim", "jti holds a NUL", {"jti": "j\0"}),
        Attack("an ID token", an_id_token, "events"),
        Attack("an access token", an_access_token, "audience"),
        header("type", "typ of an access token", typ="at+jwt"),
    )


def _table(now: float, issuer: str) -> dict[str, Attack]:
    found = (*FORGERIES, *common(now, issuer, CLIENT), *logout_token_claims())
    return {attack.name: attack for attack in found}


NAMES = tuple(_table(0, "the issuer"))


@pytest.mark.parametrize("name", NAMES)
def test_a_hostile_logout_token_ends_nothing_and_says_why(provider: Provider, name: str) -> None:
    assert SUBS["operator"] == SUB
    signed_in("operator", "operator")
    before = len(events())
    forge = good(provider)
    attack = _table(time.time(), provider.issuer)[name]
    attack.bend(forge)
    answer = send(forge.token())
    assert answer.status_code == 400
    expected = {"error": "invalid_request", "error_description": attack.expected}
    assert answer.json() == expected
    assert answer["Cache-Control"] == "no-store"
    assert SignedInSession.objects.count() == 1
    [said] = events()[before:]
    assert (said["action"], said["actor"]["sub"]) == ("access.refused", "")
    assert said["data"]["reason"] == attack.expected
    assert not SeenLogoutToken.objects.exists()


@pytest.mark.parametrize("body", ["", "x", "." * 70_000, "null", "[]", "{}"])
def test_what_is_no_token_at_all_is_a_400(provider: Provider, body: str) -> None:
    assert send(body).status_code == 400
    empty = Client().post("/oidc/backchannel-logout/", {}, HTTP_HOST=HOST)
    assert empty.status_code == 400


def test_a_good_token_ends_the_session_that_it_names_and_no_other(provider: Provider) -> None:
    here, there, other = Browser(), Browser(), Browser()
    here.sign_in()
    there.sign_in()
    provider.sub = OTHER
    other.sign_in()
    answer = send(good(provider, sid=sid_of(here)).token())
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer["Cache-Control"] == "no-store"
    assert (here.signed_in, there.signed_in, other.signed_in) == (False, True, True)
    [event] = events("session.revoked")
    assert (event["source"], event["data"]["ended"]) == ("auth0", 1)


def test_a_session_alone_is_enough(provider: Provider) -> None:
    here, there = Browser(), Browser()
    here.sign_in()
    there.sign_in()
    assert send(good(provider, sid=sid_of(here), sub=ABSENT).token()).status_code == 200
    assert (here.signed_in, there.signed_in) == (False, True)


def test_a_person_alone_ends_all_of_theirs(provider: Provider) -> None:
    here, there, other = Browser(), Browser(), Browser()
    here.sign_in()
    there.sign_in()
    provider.sub = OTHER
    other.sign_in()
    assert send(good(provider).token()).status_code == 200
    assert (here.signed_in, there.signed_in, other.signed_in) == (False, False, True)


def test_one_sign_in_at_the_issuer_may_be_several_browsers_here(provider: Provider) -> None:
    provider.extra = {"sid": "one-session-at-the-issuer"}
    here, there = Browser(), Browser()
    here.sign_in()
    there.sign_in()
    assert send(good(provider, sid="one-session-at-the-issuer").token()).status_code == 200
    assert (here.signed_in, there.signed_in) == (False, False)


def test_a_session_of_somebody_else_is_not_ended_in_my_name(provider: Provider) -> None:
    victim = Browser()
    victim.sign_in()
    answer = send(good(provider, sid=sid_of(victim), sub=OTHER).token())
    assert answer.status_code == 200, "nothing of theirs is here, which is as good as ended"
    assert victim.signed_in
    assert events("session.revoked")[0]["data"]["ended"] == 0


def test_an_unknown_session_ends_nothing(provider: Provider) -> None:
    here = Browser()
    here.sign_in()
    assert send(good(provider, sid="unknown").token()).status_code == 200
    assert here.signed_in


def test_a_token_counts_once_also_under_another_signature(provider: Provider) -> None:
    assert send(good(provider).token()).status_code == 200
    here = Browser()
    here.sign_in()
    for forge in (good(provider), good(provider, trace_id="another")):
        answer = send(forge.token())
        assert (answer.status_code, answer.json()["error_description"]) == (400, "replayed")
    assert here.signed_in
    assert len(events("session.revoked")) == 1


def test_a_token_whose_sessions_could_not_be_ended_may_be_sent_again(provider: Provider) -> None:
    """The database fails between the first write and the last: nothing of it stays."""
    here = Browser()
    here.sign_in()
    token = good(provider).token()

    def full(execute: Any, sql: str, *rest: Any) -> Any:
        if sql.startswith(f'INSERT INTO "{Event._meta.db_table}"'):
            raise OperationalError("database or disk is full")
        return execute(sql, *rest)

    with connection.execute_wrapper(full), pytest.raises(OperationalError):
        send(token)
    assert here.signed_in
    assert not SeenLogoutToken.objects.exists()
    assert send(token).status_code == 200
    assert not here.signed_in


def test_keys_that_cannot_be_had_are_a_503_and_end_nothing(provider: Provider) -> None:
    here = Browser()
    here.begin()
    provider.lies["/.well-known/jwks.json"] = lambda _honest: Page(b"", 500)
    assert send(good(provider).token()).status_code == 503
    assert not SeenLogoutToken.objects.exists()


@pytest.mark.parametrize("method", ["get", "head", "put", "patch", "delete", "options"])
def test_only_posts_are_taken(provider: Provider, method: str) -> None:
    token = good(provider).token()
    path = f"/oidc/backchannel-logout/?logout_token={token}"
    assert getattr(Client(), method)(path, HTTP_HOST=HOST).status_code == 405


def test_a_token_in_the_address_is_not_read(provider: Provider) -> None:
    token = good(provider).token()
    path = f"/oidc/backchannel-logout/?logout_token={token}"
    assert Client().post(path, HTTP_HOST=HOST).status_code == 400


def test_the_cookies_of_whoever_sends_it_change_nothing(provider: Provider) -> None:
    sender, named = Browser(), Browser()
    sender.sign_in()
    named.sign_in()
    token = good(provider, sid=sid_of(named)).token()
    answer = sender.post("/oidc/backchannel-logout/", {"logout_token": token})
    assert answer.status_code == 200
    assert (sender.signed_in, named.signed_in) == (True, False)
