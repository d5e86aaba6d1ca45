"""My Account: connecting, paging and deleting, and answers that lie."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from auth0_client.errors import (
    Auth0Error,
    BadRequest,
    Conflict,
    Forbidden,
    InvalidGrant,
    NotFound,
    RateLimited,
    Unavailable,
)
from http_client import BadAnswer
from tests.auth0_client.pretended_tenant import ISSUER, World, endless, pages

ME = f"{ISSUER}me/v1/connected-accounts"
API = f"{ISSUER}api/v2"
USER = f"{API}/users/auth0%7C65f0aa11bb22cc33dd44ee55"
ACCOUNT = {
    "id": "cac_A1",
    "connection": "github",
    "access_type": "offline",
    "scopes": ["repo"],
    "created_at": "2026-11-24T10:00:00.000Z",
}


def problem(status: int, title: str, detail: str = "") -> dict[str, Any]:
    kind = f"https://auth0.com/api-errors#A0E-{status}-0003"
    return {"type": kind, "status": status, "title": title, "detail": detail}


def machine(world: World) -> Any:
    world.token.respond(json={"access_token": "m-1", "token_type": "Bearer", "expires_in": 86400})
    return world.auth0.management


def connect(world: World) -> Any:
    return world.auth0.my_account.connect(
        "me-token",
        "github",
        redirect_uri="http://localhost:8000/connections/callback/",
        state="s-1",
        code_challenge="c" * 43,
        scopes=["repo"],
    )


def test_connecting_sends_json_and_returns_where_to_go(world: World) -> None:
    route = world.routes.post(f"{ME}/connect").respond(
        201,
        json={
            "auth_session": "as-secret-1",
            "connect_uri": f"{ISSUER}connected-accounts/connect?x=1",
            "connect_params": {"ticket": "ticket-secret-1"},
            "expires_in": 300,
        },
    )
    started = connect(world)
    request = route.calls.last.request
    assert request.headers["authorization"] == "Bearer me-token"
    assert json.loads(request.content) == {
        "connection": "github",
        "redirect_uri": "http://localhost:8000/connections/callback/",
        "state": "s-1",
        "code_challenge": "c" * 43,
        "code_challenge_method": "S256",
        "scopes": ["repo"],
    }
    assert started.url == f"{ISSUER}connected-accounts/connect?x=1&ticket=ticket-secret-1"
    assert "secret" not in repr(started)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"connect_uri": "javascript:alert(1)"}, "connect_uri"),
        ({"connect_uri": 5}, "connect_uri"),
        ({"connect_uri": f"{ISSUER}c\r\nSet-Cookie: a=b"}, "connect_uri"),
        ({"connect_params": None}, "connect_params"),
        ({"connect_params": {"ticket": 5}}, "connect_params.ticket"),
        ({"auth_session": []}, "auth_session"),
        ({"expires_in": 0}, "expires_in"),
    ],
)
def test_a_bent_connect_answer_is_named_by_field(
    world: World, changes: dict[str, Any], field: str
) -> None:
    body = {
        "auth_session": "as",
        "connect_uri": f"{ISSUER}c",
        "connect_params": {"ticket": "t"},
        "expires_in": 300,
    }
    world.routes.post(f"{ME}/connect").respond(201, json={**body, **changes})
    with pytest.raises(BadAnswer) as caught:
        connect(world)
    assert caught.value.field == field


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, BadRequest),
        (401, InvalidGrant),
        (403, Forbidden),
        (404, NotFound),
        (409, Conflict),
        (415, BadRequest),
        (429, RateLimited),
        (500, Unavailable),
    ],
)
def test_problem_json_becomes_typed_errors(
    world: World, status: int, kind: type[Auth0Error]
) -> None:
    world.routes.post(f"{ME}/complete").respond(
        status, json=problem(status, "No", "code connect-code-1 is unknown")
    )
    with pytest.raises(kind) as caught:
        world.auth0.my_account.complete(
            "me-token",
            auth_session="as-1",
            connect_code="connect-code-1",
            redirect_uri="http://x/",
            code_verifier="v" * 43,
        )
    assert caught.value.detail == "code [redacted] is unknown"


def test_completing_returns_the_account(world: World) -> None:
    world.routes.post(f"{ME}/complete").respond(201, json=ACCOUNT)
    account = world.auth0.my_account.complete(
        "t", auth_session="a", connect_code="c", redirect_uri="http://x/", code_verifier="v"
    )
    assert (account.id, account.scopes) == ("cac_A1", ("repo",))
    assert account.created_at == datetime(2026, 11, 24, 10, tzinfo=UTC)


def test_every_page_of_accounts_is_read(world: World) -> None:
    world.routes.get(url__startswith=f"{ME}/accounts").mock(
        side_effect=pages(
            {"accounts": [ACCOUNT], "next": "1"}, {"accounts": [{**ACCOUNT, "id": "cac_B2"}]}
        )
    )
    assert [a.id for a in world.auth0.my_account.accounts("t")] == ["cac_A1", "cac_B2"]


def test_a_cursor_that_goes_round_in_circles_ends(world: World) -> None:
    route = world.routes.get(url__startswith=f"{ME}/accounts")
    route.mock(side_effect=pages({"accounts": [], "next": "1"}, {"accounts": [], "next": "0"}))
    with pytest.raises(BadAnswer, match="leads back"):
        world.auth0.my_account.accounts("t", connections=["github", "slack"])
    assert route.call_count <= 4
    assert route.calls.last.request.url.params.get_list("connection") == ["github", "slack"]


def test_a_list_without_an_end_is_no_list(world: World) -> None:
    """What was not read would count as gone."""
    route = world.routes.get(url__startswith=f"{ME}/accounts")
    route.mock(side_effect=endless("accounts"))
    with pytest.raises(BadAnswer, match="goes on"):
        world.auth0.my_account.accounts("t")
    assert route.call_count == 100


def test_deleting_what_is_gone_is_not_an_error(world: World) -> None:
    route = world.routes.delete(f"{ME}/accounts/cac_A1")
    route.respond(204)
    assert world.auth0.my_account.delete("t", "cac_A1") is True
    route.respond(404, json=problem(404, "Not Found"))
    assert world.auth0.my_account.delete("t", "cac_A1") is False
    route.respond(403, json=problem(403, "Forbidden"))
    with pytest.raises(Forbidden):
        world.auth0.my_account.delete("t", "cac_A1")
