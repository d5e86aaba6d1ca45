"""Code, refresh, revocation and our own tokens: what is sent, and what each error means."""

from __future__ import annotations

import base64
import hashlib
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from auth0_client import userinfo
from auth0_client.errors import (
    Auth0Error,
    BadCredentials,
    BadRequest,
    InvalidGrant,
    NotAllowed,
    RateLimited,
    ReauthenticationNeeded,
    Unavailable,
)
from http_client import BadAnswer, Guard, HttpClient
from tests.auth0_client.pretended_tenant import (
    ISSUER,
    REQ_ID,
    SUB,
    TOKENS,
    World,
    b64,
    discovery_document,
    error,
)


def test_a_sign_in_carries_pkce_state_nonce_and_what_was_asked(world: World) -> None:
    begun = world.auth0.oauth.begin(
        "http://localhost:8000/oidc/callback/", audience="https://ata.local/api", max_age=0
    )
    url = urlsplit(begun.url)
    asked = {name: value for name, (value,) in parse_qs(url.query).items()}
    assert url.path == "/authorize"
    assert asked["code_challenge_method"] == "S256"
    assert asked["code_challenge"] == b64(hashlib.sha256(begun.code_verifier.encode()).digest())
    assert (asked["state"], asked["nonce"], asked["max_age"]) == (begun.state, begun.nonce, "0")
    assert len({begun.state, begun.nonce, begun.code_verifier}) == 3
    assert "prompt" not in asked
    assert begun.state not in repr(begun)


def test_a_code_is_redeemed_with_its_verifier_and_our_secret(world: World) -> None:
    world.token.respond(json={**TOKENS, "id_token": "id", "scope": "openid email"})
    tokens = world.auth0.oauth.exchange_code("c-1", code_verifier="v" * 43, redirect_uri="http://x")
    sent = world.sent(world.token)
    assert sent["grant_type"] == "authorization_code"
    assert (sent["client_id"], sent["client_secret"]) == ("ata-web", "web-secret-0001")
    assert tokens.scope == {"openid", "email"}
    assert "secret" not in repr(tokens)


def test_a_provider_without_post_authentication_gets_basic(world: World) -> None:
    world.discovery.respond(json=discovery_document(token_endpoint_auth_methods_supported=None))
    world.token.respond(json=TOKENS)
    world.auth0.oauth.refresh("r-1")
    request = world.token.calls.last.request
    assert "client_secret" not in world.sent(world.token)
    expected = base64.b64encode(b"ata-web:web-secret-0001").decode()
    assert request.headers["authorization"] == f"Basic {expected}"


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (403, error("invalid_grant", "Unknown or invalid refresh token."), InvalidGrant),
        (400, error("invalid_grant"), InvalidGrant),
        (401, error("invalid_client"), BadCredentials),
        (403, error("unauthorized_client"), NotAllowed),
        (403, error("mfa_required"), ReauthenticationNeeded),
        (401, error("unmet_authentication_requirements"), ReauthenticationNeeded),
        (400, error("invalid_request"), BadRequest),
        (429, error("too_many_requests"), RateLimited),
        (429, error("access_denied"), RateLimited),
        (500, {}, Unavailable),
        (503, error("temporarily_unavailable"), Unavailable),
    ],
)
def test_a_refused_refresh_says_why(
    world: World, status: int, body: Any, kind: type[Auth0Error]
) -> None:
    world.token.respond(status, json=body)
    with pytest.raises(kind) as caught:
        world.auth0.oauth.refresh("r-secret-1")
    assert caught.value.advice


def test_the_words_of_the_tenant_are_kept_without_the_secret(world: World) -> None:
    words = "bad token r-secret-1 for\r\nclient web-secret-0001"
    world.token.respond(403, json=error("invalid_grant", words))
    with pytest.raises(InvalidGrant) as caught:
        world.auth0.oauth.refresh("r-secret-1")
    assert caught.value.detail == "bad token [redacted] for client [redacted]"


BENT_TOKENS: list[tuple[Any, str]] = [
    ({}, "token_type"),
    ({**TOKENS, "access_token": 5}, "access_token"),
    ({**TOKENS, "access_token": ""}, "access_token"),
    ({**TOKENS, "token_type": "mac"}, "token_type"),
    ({**TOKENS, "expires_in": "soon"}, "expires_in"),
    ({**TOKENS, "scope": ["a"]}, "scope"),
    ({**TOKENS, "id_token": {}}, "id_token"),
    ({**TOKENS, "authorization_details": "{"}, "authorization_details"),
    ({**TOKENS, "authorization_details": [1]}, "authorization_details"),
    ([], ""),
    ("text", ""),
]


@pytest.mark.parametrize(("body", "field"), BENT_TOKENS)
def test_a_bent_token_answer_is_named_by_field(world: World, body: Any, field: str) -> None:
    world.token.respond(json=body)
    for ask in (
        lambda: world.auth0.oauth.refresh("r-1"),
        lambda: world.auth0.ciba.poll(REQ_ID),
        lambda: world.auth0.device.poll("d-1"),
    ):
        with pytest.raises(BadAnswer) as caught:
            ask()
        assert caught.value.field == field


@pytest.mark.parametrize("body", ["<html>", "[]", '"x"', '{"oops": 1}', '{"error": 5}', ""])
def test_an_error_that_names_no_error_is_a_bad_answer(world: World, body: str) -> None:
    world.token.respond(400, text=body)
    with pytest.raises(BadAnswer):
        world.auth0.oauth.refresh("r-1")


def test_a_token_for_ourselves_is_kept_until_shortly_before_it_ends(world: World) -> None:
    world.token.respond(json={**TOKENS, "expires_in": 600})
    machine = world.auth0.oauth
    for _ in range(3):
        assert machine.client_credentials("aud") == "at-secret-1"
    assert world.token.call_count == 1
    world.now += 541
    machine.client_credentials("aud")
    assert world.token.call_count == 2
    machine.forget("at-secret-1")
    machine.client_credentials("aud")
    assert world.token.call_count == 3


def test_revoking_an_unknown_refresh_token_is_as_good_as_done(world: World) -> None:
    route = world.routes.post(f"{ISSUER}oauth/revoke")
    route.respond(200, text="")
    world.auth0.oauth.revoke("r-1")
    assert world.sent(route)["token"] == "r-1"
    route.respond(403, json=error("invalid_grant"))
    world.auth0.oauth.revoke("r-1")
    route.respond(401, json=error("invalid_client"))
    with pytest.raises(BadCredentials):
        world.auth0.oauth.revoke("r-1")


def test_signing_out_at_the_tenant_puts_no_token_in_the_url(world: World) -> None:
    url = world.auth0.oauth.end_session_url("http://localhost:8000/", sid="S_7x") or ""
    assert parse_qs(urlsplit(url).query) == {
        "client_id": ["ata-web"],
        "post_logout_redirect_uri": ["http://localhost:8000/"],
        "logout_hint": ["S_7x"],
    }


def test_userinfo_is_asked_with_the_persons_own_token(world: World) -> None:
    route = world.routes.get(f"{ISSUER}userinfo").respond(json={"sub": SUB, "name": "Ada"})
    client = HttpClient(guard=Guard.embedded())
    info = userinfo.fetch(world.auth0.discovery, client, "at-1")
    assert route.calls.last.request.headers["authorization"] == "Bearer at-1"
    assert (info.subject, info.name, info.email) == (SUB, "Ada", None)
    assert "Ada" not in repr(info)
    route.respond(401, json=error("invalid_token"))
    with pytest.raises(InvalidGrant):
        userinfo.fetch(world.auth0.discovery, client, "at-1")
    route.respond(json={"sub": 7})
    with pytest.raises(BadAnswer):
        userinfo.fetch(world.auth0.discovery, client, "at-1")
