"""Sign-in, device, CIBA and vault: what each error code means, whatever status it comes with."""

from __future__ import annotations

import base64
import hashlib
import json
import logging
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from auth0_client import userinfo
from auth0_client.ciba import Approved, NotEnrolled, Refused, Started
from auth0_client.device import Denied, Granted
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
from auth0_client.polling import Expired, Lost, Pending, SlowDown
from auth0_client.vault import NotEnabled, NotLinked, ReconnectRequired, SubjectExpired
from outbound import BadAnswer, Guard, Outbound
from tests.auth0_client.pretended_tenant import ISSUER, SUB, World, b64, discovery_document

TOKENS = {"access_token": "at-secret-1", "token_type": "Bearer", "expires_in": 86400}
DETAILS = [{"type": "t", "instruction": "Block skill x"}]
REQ_ID = "auth-req-id-secret-0001"


def error(code: str, words: str = "", **more: Any) -> dict[str, Any]:
    return {"error": code, "error_description": words, **more}


# --- sign-in -------------------------------------------------------------------------------


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
    client = Outbound(guard=Guard.embedded())
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


# --- polling: one table for both grants ----------------------------------------------------

STATUSES = [400, 401, 403, 429]


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize(
    ("code", "device", "ciba"),
    [
        ("authorization_pending", Pending(5), Pending(5)),
        ("access_denied", Denied("words"), Refused("words")),
        ("expired_token", Expired(), Expired()),
        ("invalid_grant", Lost("words"), Lost("words")),
    ],
)
def test_polls_branch_on_the_error_and_never_on_the_status(
    world: World, status: int, code: str, device: Any, ciba: Any
) -> None:
    world.token.respond(status, json=error(code, "words"))
    assert world.auth0.device.poll("d-1") == device
    assert world.auth0.ciba.poll(REQ_ID) == ciba


@pytest.mark.parametrize(
    ("headers", "body", "wait"),
    [
        ({"Retry-After": "12"}, error("slow_down", "in 99 seconds", interval=77), 12),
        ({}, error("slow_down", "in 99 seconds", interval=10), 10),
        ({}, error("slow_down", "polling too fast. Try again in 10 seconds."), 10),
        ({}, error("slow_down", "faster than the specified interval of 5 seconds."), 5),
        ({}, error("slow_down"), 10),
        ({"Retry-After": "soon"}, error("slow_down", interval="x"), 10),
        ({"Retry-After": "999999"}, error("slow_down"), 600),
        ({"Retry-After": "0"}, error("slow_down"), 1),
        ({}, error("slow_down", interval=True), 10),
    ],
)
@pytest.mark.parametrize("status", [400, 429])
def test_slow_down_is_read_from_header_then_body_then_words(
    world: World, status: int, headers: dict[str, str], body: Any, wait: int
) -> None:
    world.token.respond(status, json=body, headers=headers)
    assert world.auth0.ciba.poll(REQ_ID) == SlowDown(wait)
    assert world.auth0.device.poll("d-1") == SlowDown(wait)


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (401, error("invalid_client"), BadCredentials),
        (403, error("unauthorized_client"), NotAllowed),
        (429, error("too_many_requests"), RateLimited),
        (500, error("server_error"), Unavailable),
        (502, {}, Unavailable),
    ],
)
def test_other_poll_errors_are_raised_with_advice(
    world: World, status: int, body: Any, kind: type[Auth0Error]
) -> None:
    world.token.respond(status, json=body, headers={"Retry-After": "3"})
    for ask in (lambda: world.auth0.ciba.poll(REQ_ID), lambda: world.auth0.device.poll("d-1")):
        with pytest.raises(kind) as caught:
            ask()
        if isinstance(caught.value, RateLimited):
            assert caught.value.retry_after == 3.0
    assert world.token.call_count == 2, "a poll is never repeated behind the caller's back"


def test_a_poll_that_times_out_may_have_used_up_the_one_answer(world: World) -> None:
    world.token.mock(side_effect=httpx.ReadTimeout("slow"))
    with pytest.raises(Unavailable) as caught:
        world.auth0.ciba.poll(REQ_ID)
    assert caught.value.maybe_delivered


# --- device --------------------------------------------------------------------------------


def test_a_device_sign_in_starts_without_a_secret_and_ends_in_tokens(world: World) -> None:
    route = world.routes.post(f"{ISSUER}oauth/device/code").respond(
        json={
            "device_code": "dev-secret-1",
            "user_code": "QWRT-ZXCB",
            "verification_uri": f"{ISSUER}activate",
            "expires_in": 900,
        }
    )
    started = world.auth0.device.start(scope="openid offline_access", audience="https://a")
    assert world.sent(route) == {
        "client_id": "ata-cli",
        "scope": "openid offline_access",
        "audience": "https://a",
    }
    assert (started.interval, started.expires_in) == (5, 900)
    assert "dev-secret-1" not in repr(started)
    world.token.respond(json={**TOKENS, "refresh_token": "r"})
    granted = world.auth0.device.poll("dev-secret-1")
    assert isinstance(granted, Granted)
    assert granted.tokens.refresh_token == "r"


# --- CIBA ----------------------------------------------------------------------------------


def start(world: World, **options: Any) -> Started:
    return world.auth0.ciba.start(SUB, "42-17-08", **options)


def test_a_question_names_the_person_and_what_is_to_be_approved(world: World) -> None:
    route = world.routes.post(f"{ISSUER}bc-authorize").respond(
        json={"auth_req_id": REQ_ID, "expires_in": 300, "interval": 5}
    )
    started = start(
        world,
        audience="https://ata.local/approvals",
        requested_expiry=300,
        authorization_details=DETAILS,
    )
    sent = world.sent(route)
    assert json.loads(sent["login_hint"]) == {"format": "iss_sub", "iss": ISSUER, "sub": SUB}
    assert json.loads(sent["authorization_details"]) == DETAILS
    assert (sent["scope"], sent["requested_expiry"]) == ("openid", "300")
    assert (started.expires_in, started.interval) == (300, 5)
    assert REQ_ID not in repr(started)


@pytest.mark.parametrize("echo", [DETAILS, json.dumps(DETAILS)])
def test_an_approval_brings_tokens_and_details_however_spelt(world: World, echo: Any) -> None:
    world.token.respond(json={**TOKENS, "id_token": "id", "authorization_details": echo})
    answer = world.auth0.ciba.poll(REQ_ID)
    assert isinstance(answer, Approved)
    assert list(answer.tokens.authorization_details) == DETAILS
    assert world.sent(world.token)["grant_type"] == "urn:openid:params:grant-type:ciba"


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, error("invalid_request", "User does not have push notifications"), NotEnrolled),
        (400, error("invalid_request", "The user is not enrolled in Guardian"), NotEnrolled),
        (400, error("unknown_user_id"), NotEnrolled),
        (400, error("invalid_request", 'login_hint: "sub" has unsupported format'), BadRequest),
        (400, error("invalid_request", "binding_message is required"), BadRequest),
        (400, error("invalid_scope", "openid scope must be requested"), BadRequest),
        (400, error("invalid_authorization_details"), BadRequest),
        (400, error("invalid_binding_message"), BadRequest),
        (403, error("unauthorized_client"), NotAllowed),
        (401, error("invalid_client"), BadCredentials),
        (429, error("too_many_requests"), RateLimited),
        (429, {}, RateLimited),
        (503, {}, Unavailable),
    ],
)
def test_a_question_that_cannot_be_asked_comes_back_with_advice(
    world: World, status: int, body: Any, kind: type[Auth0Error]
) -> None:
    world.routes.post(f"{ISSUER}bc-authorize").respond(status, json=body)
    with pytest.raises(kind) as caught:
        start(world)
    assert type(caught.value) is kind
    assert caught.value.advice


@pytest.mark.parametrize(
    "bad",
    [
        {"binding_message": ""},
        {"binding_message": "x" * 65},
        {"binding_message": "it's"},
        {"binding_message": "line\nbreak"},
        {"binding_message": "emoji 🙂"},
        {"scope": "profile"},
        {"requested_expiry": 0},
        {"requested_expiry": 259_201},
    ],
)
def test_a_question_the_tenant_would_refuse_is_not_sent(world: World, bad: dict[str, Any]) -> None:
    route = world.routes.post(f"{ISSUER}bc-authorize")
    with pytest.raises(ValueError, match="must"):
        world.auth0.ciba.start(SUB, **{"binding_message": "42-17-08", **bad})
    assert not route.called


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"expires_in": 300}, "auth_req_id"),
        ({"auth_req_id": 5, "expires_in": 300}, "auth_req_id"),
        ({"auth_req_id": "a"}, "expires_in"),
        ({"auth_req_id": "a", "expires_in": 0}, "expires_in"),
        ({"auth_req_id": "a", "expires_in": 300, "interval": "5"}, "interval"),
    ],
)
def test_a_bent_start_answer_is_named_by_field(world: World, body: Any, field: str) -> None:
    world.routes.post(f"{ISSUER}bc-authorize").respond(json=body)
    with pytest.raises(BadAnswer) as caught:
        start(world)
    assert caught.value.field == field


def test_the_request_id_is_never_logged_or_raised(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    world.token.respond(500, json=error("server_error", f"lost {REQ_ID}"))
    with pytest.raises(Unavailable) as caught:
        world.auth0.ciba.poll(REQ_ID)
    world.token.respond(401, json=error("invalid_grant", f"unknown {REQ_ID}"))
    assert world.auth0.ciba.poll(REQ_ID) == Lost("unknown [redacted]")
    assert REQ_ID not in caplog.text + repr(caught.value) + str(caught.value)


# --- Token Vault ---------------------------------------------------------------------------


def test_an_exchange_speaks_auth0s_own_grant_as_the_vault_client(world: World) -> None:
    world.token.respond(
        json={
            "access_token": "gho-secret-1",
            "scope": "repo,read:org user",
            "expires_in": 1377,
            "token_type": "Bearer",
            "issued_token_type": (
                "http://auth0.com/oauth/token-type/federated-connection-access-token"
            ),
        }
    )
    token = world.auth0.vault.exchange_access_token("caller-token", "github", "gh-77")
    assert world.sent(world.token) == {
        "grant_type": (
            "urn:auth0:params:oauth:grant-type:token-exchange:federated-connection-access-token"
        ),
        "subject_token": "caller-token",
        "subject_token_type": "urn:ietf:params:oauth:token-type:access_token",
        "requested_token_type": (
            "http://auth0.com/oauth/token-type/federated-connection-access-token"
        ),
        "connection": "github",
        "login_hint": "gh-77",
        "client_id": "ata-vault",
        "client_secret": "vault-secret-0001",
    }
    assert token.scope == {"repo", "read:org", "user"}
    assert token.expires_in == 1377
    assert token.thumbprint == hashlib.sha256(b"gho-secret-1").hexdigest()
    assert "gho-secret-1" not in repr(token)


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (401, error("federated_connection_refresh_token_not_found"), NotLinked),
        (403, error("tokenset_not_found"), NotLinked),
        (401, error("federated_connection_refresh_token_flow_failed"), ReconnectRequired),
        (401, error("invalid_grant", "expired"), SubjectExpired),
        (400, error("invalid_request", "The subject token is expired"), SubjectExpired),
        (
            400,
            error("invalid_request", "Token Vault is not enabled for the provided connection"),
            NotEnabled,
        ),
        (403, error("unauthorized_client"), NotEnabled),
        (403, error("access_denied"), NotEnabled),
        (403, error("unsupported_grant_type"), NotEnabled),
        (401, error("invalid_client"), BadCredentials),
        (403, error("mfa_required"), ReauthenticationNeeded),
        (429, error("access_denied", "too many"), RateLimited),
        (500, error("server_error"), Unavailable),
        (504, {}, Unavailable),
        (400, error("invalid_request", "connection is required"), BadRequest),
    ],
)
def test_a_refused_exchange_says_what_to_do(
    world: World, status: int, body: Any, kind: type[Auth0Error]
) -> None:
    world.token.respond(status, json=body)
    with pytest.raises(kind) as caught:
        world.auth0.vault.exchange_access_token("caller-token", "github")
    assert type(caught.value) is kind
    assert caught.value.advice


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "access_token"),
        ({"access_token": ["x"]}, "access_token"),
        ({"access_token": "x", "expires_in": "1"}, "expires_in"),
        ({"access_token": "x", "scope": {"a": 1}}, "scope"),
        ({"access_token": "x", "issued_token_type": "other"}, "issued_token_type"),
    ],
)
def test_a_bent_exchange_answer_is_named_by_field(world: World, body: Any, field: str) -> None:
    world.token.respond(json=body)
    with pytest.raises(BadAnswer) as caught:
        world.auth0.vault.exchange_access_token("caller-token", "github")
    assert caught.value.field == field
