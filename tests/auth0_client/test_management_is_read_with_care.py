"""The Management API: renewal, rate limits, paging, logs, and answers that lie."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import httpx
import pytest
import respx

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
from tests.auth0_client.pretended_tenant import ISSUER, SUB, World, endless, pages

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


def test_management_calls_carry_the_machine_clients_token(world: World) -> None:
    api = machine(world)
    route = world.routes.get(USER).respond(
        json={"user_id": SUB, "email": "ada@acme.example", "email_verified": True}
    )
    user = api.user(SUB)
    sent = world.sent(world.token)
    assert (sent["client_id"], sent["audience"]) == ("ata-mgmt", f"{ISSUER}api/v2/")
    assert route.calls.last.request.headers["authorization"] == "Bearer m-1"
    assert user.user_id == SUB
    assert "ada@" not in repr(user)


def test_a_token_that_is_no_longer_accepted_is_renewed_once(world: World) -> None:
    api = machine(world)
    refused = {"statusCode": 401, "error": "Unauthorized", "message": "Expired token"}
    route = world.routes.get(USER)
    route.side_effect = [
        httpx.Response(401, json=refused),
        httpx.Response(200, json={"user_id": SUB}),
    ]
    assert api.user(SUB).user_id == SUB
    assert world.token.call_count == 2
    route.side_effect = [httpx.Response(401, json=refused)] * 2
    with pytest.raises(InvalidGrant):
        api.user(SUB)


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (404, {"statusCode": 404, "error": "Not Found", "message": "x"}, NotFound),
        (
            404,
            {"statusCode": "404", "error": "Not Found", "errorCode": "inexistent_user"},
            NotFound,
        ),
        (400, {"statusCode": 400, "error": "Bad Request", "message": "x"}, BadRequest),
        (409, {"statusCode": 409, "error": "Conflict", "message": "x"}, Conflict),
        (500, {"statusCode": 500, "error": "Internal"}, Unavailable),
        (403, {"statusCode": 403, "error": "Forbidden", "message": "no"}, Forbidden),
    ],
)
def test_management_errors_are_typed(
    world: World, status: int, body: Any, kind: type[Auth0Error]
) -> None:
    api = machine(world)
    world.routes.get(USER).respond(status, json=body)
    with pytest.raises(kind):
        api.user(SUB)


def test_a_missing_scope_is_named(world: World) -> None:
    api = machine(world)
    world.routes.get(USER).respond(
        403,
        json={
            "statusCode": 403,
            "error": "Forbidden",
            "errorCode": "insufficient_scope",
            "message": "Insufficient scope, expected any of: read:users,read:user_idp_tokens",
        },
    )
    with pytest.raises(Forbidden) as caught:
        api.user(SUB)
    assert caught.value.missing_scopes == ("read:users", "read:user_idp_tokens")


def test_a_rate_limit_says_when_it_resets(world: World) -> None:
    api = machine(world)
    headers = {"X-RateLimit-Reset": "1790000123", "Retry-After": "60"}
    route = world.routes.get(USER).respond(
        429, json={"statusCode": 429, "error": "Too Many Requests"}, headers=headers
    )
    with pytest.raises(RateLimited) as caught:
        api.user(SUB)
    assert caught.value.reset_at == datetime.fromtimestamp(1790000123, UTC)
    assert caught.value.retry_after == 60.0
    assert route.call_count == 1


def test_lists_are_read_page_by_page(world: World) -> None:
    api = machine(world)
    account = {**ACCOUNT, "connection_id": "con_1", "strategy": "github"}
    world.routes.get(url__startswith=f"{USER}/connected-accounts").mock(
        side_effect=pages(
            {"connected_accounts": [account], "next": "1"}, {"connected_accounts": [account]}
        )
    )
    assert [a.strategy for a in api.connected_accounts(SUB)] == ["github", "github"]

    def grants(request: httpx.Request) -> httpx.Response:
        page = int(request.url.params["page"])
        count = 50 if page == 0 else 3
        found = [{"id": f"{page}-{n}", "clientID": "c", "user_id": SUB} for n in range(count)]
        return httpx.Response(200, json=found)

    world.routes.get(url__startswith=f"{API}/grants?").mock(side_effect=grants)
    assert len(api.grants(SUB)) == 53


def test_a_list_without_an_end_is_no_list(world: World) -> None:
    api = machine(world)
    route = world.routes.get(url__startswith=f"{USER}/connected-accounts")
    route.mock(side_effect=endless("connected_accounts"))
    with pytest.raises(BadAnswer, match="goes on"):
        api.connected_accounts(SUB)
    full = [{"id": "rol_1", "name": "operator"}] * 50
    world.routes.get(url__startswith=f"{USER}/roles").respond(200, json=full)
    with pytest.raises(BadAnswer, match="goes on"):
        api.roles(SUB)


def test_people_are_asked_for_by_the_millisecond_of_their_creation(world: World) -> None:
    api = machine(world)
    user = {"user_id": "auth0|x", "created_at": "2026-01-02T03:04:05.678Z"}
    answer = {"start": 0, "limit": 100, "length": 1, "total": 4321, "users": [user]}
    route = world.routes.get(url__startswith=f"{API}/users?").respond(json=answer)
    since = datetime(2026, 1, 2, 4, 4, 5, 678999, tzinfo=timezone(timedelta(hours=1)))
    [found], total = api.users_created(since, 2)
    assert (found.user_id, total) == ("auth0|x", 4321)
    asked = route.calls.last.request.url.params
    assert asked["q"] == "created_at:[2026-01-02T03:04:05.678Z TO *]"
    assert (asked["sort"], asked["page"], asked["per_page"]) == ("created_at:1", "2", "100")
    for bad in ({"users": [{"user_id": "auth0|x"}]}, {"start": 0}):
        route.respond(json=bad)
        with pytest.raises(BadAnswer):
            api.users_created(since)


def test_what_a_person_has_is_typed(world: World) -> None:
    api = machine(world)
    at = "2026-11-24T10:00:00.000Z"
    world.routes.get(url__startswith=f"{USER}/roles").respond(json=[{"id": "r", "name": "admin"}])
    world.routes.get(f"{USER}/authentication-methods").respond(
        json=[{"id": "p|1", "type": "push", "confirmed": True, "created_at": at}]
    )
    world.routes.get(url__startswith=f"{USER}/sessions").respond(
        json={"sessions": [{"id": "s", "user_id": SUB, "clients": [{"client_id": "c"}]}]}
    )
    world.routes.get(url__startswith=f"{USER}/refresh-tokens").respond(
        json={
            "tokens": [
                {
                    "id": "rt",
                    "user_id": SUB,
                    "client_id": "c",
                    "resource_servers": [{"audience": "https://a", "scopes": "x"}],
                }
            ]
        }
    )
    world.routes.get(url__startswith=f"{API}/grants").respond(
        json=[{"id": "g", "clientID": "c", "user_id": SUB, "audience": "a", "scope": ["x"]}]
    )
    assert api.roles(SUB)[0].name == "admin"
    assert api.authentication_methods(SUB)[0].confirmed is True
    assert api.sessions(SUB)[0].client_ids == ("c",)
    assert api.refresh_tokens(SUB)[0].audiences == ("https://a",)
    assert api.grants(SUB)[0].client_id == "c"


@pytest.mark.parametrize(
    "body", [{}, [5], [{"id": 5, "type": "push"}], [{"id": "a"}], "x", {"authenticators": 5}]
)
def test_bent_lists_are_bad_answers(world: World, body: Any) -> None:
    api = machine(world)
    world.routes.get(f"{USER}/authentication-methods").respond(json=body)
    if body == {}:
        assert api.authentication_methods(SUB) == []
        return
    with pytest.raises(BadAnswer):
        api.authentication_methods(SUB)


def test_ending_access_says_whether_there_was_any(world: World) -> None:
    api = machine(world)
    gone = {"statusCode": 404, "error": "Not Found", "message": "x"}
    world.routes.delete(f"{API}/refresh-tokens/t%2F1").respond(404, json=gone)
    world.routes.delete(f"{API}/grants/g").respond(204)
    route = world.routes.post(f"{USER}/revoke-access").respond(204)
    assert api.delete_refresh_token("t/1") is False
    assert api.delete_grant("g") is True
    api.revoke_access(SUB)
    assert json.loads(route.calls.last.request.content) == {"preserve_refresh_tokens": False}


def test_an_id_cannot_climb_out_of_its_path(world: World) -> None:
    api = machine(world)
    for bad in ("", ".", ".."):
        with pytest.raises(ValueError, match="must not"):
            api.user(bad)
    route = world.routes.get(f"{API}/users/..%2Fclients").respond(json={"user_id": "x"})
    api.user("../clients")
    assert route.called


# --- logs ----------------------------------------------------------------------------------


def logs(world: World) -> respx.Route:
    return world.routes.get(url__startswith=f"{API}/logs")


def test_logs_go_on_where_the_link_says(world: World) -> None:
    api = machine(world)
    link = f'<{API}/logs?from=L9&take=100>; rel="next"'
    logs(world).respond(
        json=[{"log_id": "L1", "type": "seta"}, {"_id": "L2", "type": "feta"}],
        headers={"Link": link, "X-RateLimit-Remaining": "9", "X-RateLimit-Limit": "10"},
    )
    page = api.log_items_after("L0")
    assert [entry["type"] for entry in page.entries] == ["seta", "feta"]
    assert page.next_from == "L9"
    assert [entry["log_id"] for entry in api.search_logs("").entries] == ["L1", "L2"]
    assert (page.budget.limit, page.budget.remaining) == (10, 9)


def test_an_empty_page_stays_where_it_was(world: World) -> None:
    api = machine(world)
    logs(world).respond(json=[])
    page = api.log_items_after("L0")
    assert (page.next_from, page.entries) == ("L0", ())
    assert api.latest_log_id() is None


@pytest.mark.parametrize(
    "link", ["", "garbage", "<x>; rel=prev", "<http://[bad>; rel=next", '<?take=1>; rel="next"']
)
def test_a_useless_link_falls_back_to_the_last_id(world: World, link: str) -> None:
    api = machine(world)
    logs(world).respond(json=[{"log_id": "L1", "type": "s"}], headers={"Link": link})
    assert api.log_items_after("L0").next_from == "L1"


@pytest.mark.parametrize(
    "body", [{"logs": []}, [5], [{"type": "s"}], [{"log_id": 5, "type": "s"}], [{"log_id": "a"}]]
)
def test_bent_logs_are_bad_answers(world: World, body: Any) -> None:
    api = machine(world)
    logs(world).respond(json=body)
    with pytest.raises(BadAnswer):
        api.search_logs("")
