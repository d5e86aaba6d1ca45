"""Device and CIBA polls: the same error under any status means the same."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from auth0_client.errors import (
    Auth0Error,
    BadCredentials,
    NotAllowed,
    RateLimited,
    Unavailable,
)
from auth0_client.grants.ciba import Refused
from auth0_client.grants.device import Denied, Granted
from auth0_client.grants.poll_results import Expired, Lost, Pending, SlowDown
from tests.auth0_client.pretended_tenant import (
    ISSUER,
    REQ_ID,
    TOKENS,
    World,
    error,
)

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
