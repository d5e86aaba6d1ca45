"""A sign-in that must not succeed ends on one page, with a reference that the trail repeats."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
import respx
from django.conf import settings
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey

from accounts.models import SignedInSession
from approvals import auth0_clients
from tests.accounts.trail import events
from tests.connections.visitor import Answer, Visitor
from tests.support.sign_in import SUBS
from tests.support.tenant import LocalTenant

type Visit = Callable[[str], Visitor]
HOST = urlsplit(settings.PORTAL_URL).netloc


def assert_failed(page: Any, code: str) -> None:
    """The failure page names a reference; the event of that reference names `code`."""
    assert page.status_code in {403, 503}
    assert "Sign-in failed" in page.content.decode()
    event = events("operator.sign_in_failed")[-1]
    assert event["data"]["code"] == code
    assert re.fullmatch(r"[0-9a-f]{12}", event["data"]["reference"])
    assert event["data"]["reference"] in page.content.decode()
    assert not SignedInSession.objects.exists()


def begin(me: Visitor, query: str = "") -> dict[str, str]:
    """Start a sign-in; returns what the issuer was sent."""
    sent = parse_qs(urlsplit(me.get(f"/oidc/authenticate/{query}")["Location"]).query)
    return {name: values[0] for name, values in sent.items()}


def test_a_refusal_by_the_issuer_is_said_and_recorded(visitor: Visit) -> None:
    me = visitor("operator")
    state = begin(me)["state"]
    page = me.get(f"/oidc/callback/?error=access_denied&state={state}")
    assert_failed(page, "issuer_said_no")
    assert "access_denied" in page.content.decode()


def test_what_the_issuer_says_is_not_markup(visitor: Visit) -> None:
    me = visitor("operator")
    state = begin(me)["state"]
    page = me.get(f"/oidc/callback/?error=<script>alert(1)</script>&state={state}")
    assert b"<script>alert" not in page.content


def test_a_foreign_error_link_signs_nobody_out_and_fills_no_trail(visitor: Visit) -> None:
    me = visitor("operator").sign_in()
    before = len(events())
    assert me.get("/oidc/callback/?error=access_denied&state=made-up")["Location"] == "/"
    assert me.get("/account/").status_code == 200
    assert len(events()) == before


def test_a_used_callback_address_opens_nothing_in_another_browser(visitor: Visit) -> None:
    me, thief = visitor("operator").sign_in(), visitor("operator")
    used = next(url for url in me.trace if "/oidc/callback/" in url)
    path = used.removeprefix(settings.PORTAL_URL)
    assert thief.get(path)["Location"] == "/oidc/authenticate/?again=1"
    assert_not_signed_in(thief)


def assert_not_signed_in(me: Visitor) -> None:
    assert me.get("/account/").status_code == 302


def test_a_replay_in_the_same_browser_changes_nothing(visitor: Visit) -> None:
    me = visitor("operator").sign_in()
    used = next(url for url in me.trace if "/oidc/callback/" in url)
    assert me.get(used.removeprefix(settings.PORTAL_URL))["Location"] == "/"
    assert SignedInSession.objects.count() == 1


def test_a_lost_state_starts_again_once_and_then_says_so(visitor: Visit) -> None:
    me = visitor("operator")
    begin(me)
    assert me.get("/oidc/callback/?code=c&state=lost")["Location"] == "/oidc/authenticate/?again=1"
    assert_failed(me.get("/oidc/callback/?code=c&state=lost"), "state_lost")


def test_a_callback_without_code_or_state_starts_again(visitor: Visit) -> None:
    assert visitor("operator").get("/oidc/callback/")["Location"] == "/oidc/authenticate/?again=1"


def test_an_issuer_that_is_away_is_said(
    visitor: Visit, settings: Any, portal_tenant: LocalTenant
) -> None:
    settings.ENV = settings.ENV.model_copy(update={"AUTH0_ISSUER": "http://localhost:9/"})
    auth0_clients.auth0.cache_clear()
    auth0_clients.outbound.cache_clear()
    try:
        assert_failed(visitor("operator").get("/oidc/authenticate/"), "issuer_unreachable")
    finally:
        auth0_clients.auth0.cache_clear()
        auth0_clients.outbound.cache_clear()


# Tokens: what the issuer's token endpoint could be made to answer.

STRANGER = RSAKey.generate_key(2048, {"kid": "stranger"})


def claims(nonce: str, changes: dict[str, Any] | None = None) -> dict[str, Any]:
    """A good ID token's claims, with changes; None leaves one out."""
    good: dict[str, Any] = {
        "iss": settings.ENV.issuer,
        "sub": SUBS["operator"],
        "aud": "ata-web",
        "iat": "now",
        "exp": "later",
        "nonce": nonce,
        "name": "Olu Operator",
        "email": "operator@acme.example",
        settings.ENV.AUTH0_ROLES_CLAIM: ["operator"],
        **(changes or {}),
    }
    return {name: value for name, value in good.items() if value is not None}


@pytest.fixture
def sign(portal_tenant: LocalTenant) -> Callable[[dict[str, Any]], str]:
    """Sign any claims with the tenant's own key."""

    def by_the_tenant(body: dict[str, Any]) -> str:
        program = (
            "import json, time\n"
            "from local.tenant.oauth import token_formats\n"
            f"body = json.loads({json.dumps(json.dumps(body))})\n"
            "times = {'now': int(time.time()), 'later': int(time.time()) + 600,"
            " 'past': int(time.time()) - 4000}\n"
            "print(token_formats.sign({k: times.get(v, v) if isinstance(v, str) else v"
            " for k, v in body.items()}))\n"
        )
        return portal_tenant.execute(program).strip().splitlines()[-1]

    return by_the_tenant


@pytest.fixture
def token_endpoint(portal_tenant: LocalTenant) -> Iterator[respx.Route]:
    """The token endpoint, in somebody else's hands; all else is the real tenant."""
    with respx.mock(assert_all_called=False) as router:
        route = router.post(f"{portal_tenant.url}/oauth/token")
        router.route().pass_through()
        yield route


def answer(id_token: str | None, **more: Any) -> httpx.Response:
    body: dict[str, Any] = {"access_token": "opaque", "token_type": "Bearer", "expires_in": 60}
    if id_token is not None:
        body["id_token"] = id_token
    return httpx.Response(200, json=body | more)


def come_back(me: Visitor, state: str) -> Answer:
    return me.get(f"/oidc/callback/?code=c-1&state={state}")


def test_the_good_token_of_these_tests_is_good(
    visitor: Visit, token_endpoint: respx.Route, sign: Callable[[dict[str, Any]], str]
) -> None:
    me = visitor("operator")
    sent = begin(me)
    token_endpoint.respond(json=answer(sign(claims(sent["nonce"]))).json())
    assert come_back(me, sent["state"])["Location"] == "/"
    assert SignedInSession.objects.count() == 1


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"iss": "https://evil.example/"}, "issuer"),
        ({"aud": "somebody-else"}, "audience"),
        ({"aud": ["ata-web", "other"], "azp": "other"}, "authorized_party"),
        ({"exp": "past", "iat": "past"}, "expired"),
        ({"nonce": "another"}, "nonce"),
        ({"nonce": None}, "nonce"),
        ({"sub": None}, "missing_claim"),
        ({"sub": ""}, "missing_claim"),
        ({"iat": None}, "missing_claim"),
        ({"exp": None}, "missing_claim"),
        ({settings.ENV.AUTH0_ROLES_CLAIM: "operator admin"}, "bad_claim"),
    ],
)
def test_a_signed_token_with_wrong_claims_is_refused(
    visitor: Visit,
    token_endpoint: respx.Route,
    sign: Callable[[dict[str, Any]], str],
    changes: dict[str, Any],
    code: str,
) -> None:
    me = visitor("operator")
    sent = begin(me)
    token_endpoint.mock(answer(sign(claims(sent["nonce"], changes))))
    assert_failed(come_back(me, sent["state"]), code)
    assert events("operator.signed_in") == []


def forged(nonce: str, key: Any, alg: str, kid: str) -> str:
    body = claims(nonce) | {"iat": 1_790_000_000, "exp": 2_790_000_000}
    return jwt.encode({"alg": alg, "typ": "JWT", "kid": kid}, body, key, algorithms=[alg])


def real_kid(tenant: LocalTenant) -> str:
    return str(httpx.get(f"{tenant.url}/.well-known/jwks.json").json()["keys"][0]["kid"])


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("stranger", "unknown_key"),
        ("stranger_with_our_kid", "signature"),
        ("hs256", "algorithm"),
        ("none", "algorithm"),
        ("garbage", "malformed"),
    ],
)
def test_a_token_that_the_issuer_did_not_sign_is_refused(
    visitor: Visit, token_endpoint: respx.Route, portal_tenant: LocalTenant, kind: str, code: str
) -> None:
    me = visitor("operator")
    sent = begin(me)
    kid = real_kid(portal_tenant)
    secret = OctKey.import_key(settings.ENV.AUTH0_CLIENT_SECRET)
    tokens: dict[str, Callable[[], str]] = {
        "stranger": lambda: forged(sent["nonce"], STRANGER, "RS256", "stranger"),
        "stranger_with_our_kid": lambda: forged(sent["nonce"], STRANGER, "RS256", kid),
        "hs256": lambda: forged(sent["nonce"], secret, "HS256", kid),
        "none": lambda: (
            f"eyJhbGciOiJub25lIn0.{forged(sent['nonce'], STRANGER, 'RS256', kid).split('.')[1]}."
        ),
        "garbage": lambda: "not.a.token",
    }
    token_endpoint.mock(answer(tokens[kind]()))
    assert_failed(come_back(me, sent["state"]), code)


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        (answer(None), "no_id_token"),
        (httpx.Response(403, json={"error": "invalid_grant"}), "invalid_grant"),
        (httpx.Response(500, text="<h1>Oops</h1>"), "http_500"),
        (httpx.Response(200, text="<h1>not json</h1>"), "bad_answer"),
        (httpx.Response(200, json=["a", "list"]), "bad_answer"),
    ],
)
def test_an_answer_that_is_no_sign_in_is_a_page_and_never_a_500(
    visitor: Visit, token_endpoint: respx.Route, reply: httpx.Response, code: str
) -> None:
    me = visitor("operator")
    sent = begin(me)
    token_endpoint.mock(reply)
    assert_failed(come_back(me, sent["state"]), code)
