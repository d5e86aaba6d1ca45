"""CIBA: what a question carries, how it can fail, and what must never be logged."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest

from auth0_client.errors import (
    Auth0Error,
    BadCredentials,
    BadRequest,
    NotAllowed,
    RateLimited,
    Unavailable,
)
from auth0_client.grants.ciba import Approved, NotEnrolled, Started
from auth0_client.grants.poll_results import Lost
from http_client import BadAnswer
from tests.auth0_client.pretended_tenant import (
    DETAILS,
    ISSUER,
    REQ_ID,
    SUB,
    TOKENS,
    World,
    error,
)


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
