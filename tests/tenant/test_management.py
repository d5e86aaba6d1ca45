"""The Management API slice: lists, scopes, limits and what revoking really does."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from tests.support.sign_in import API, SUBS, Attempt, claims_of, management_token, sign_in
from tests.support.tenant import Browser, LocalTenant
from tests.tenant.test_logout import is_signed_in
from tests.tenant.test_refresh import refresh, web_tokens


@pytest.fixture
def api(tenant_server: LocalTenant) -> Iterator[httpx.Client]:
    headers = {"Authorization": f"Bearer {management_token(tenant_server)}"}
    with httpx.Client(base_url=f"{tenant_server.url}/api/v2", headers=headers) as client:
        yield client


def user(person: str, tail: str = "") -> str:
    return f"/users/{quote(SUBS[person], safe='')}{tail}"


def test_a_user_is_shown_in_auth0s_shape(api: httpx.Client) -> None:
    found = api.get(user("operator")).json()
    assert found["user_id"] == SUBS["operator"]
    assert found["email"] == "operator@acme.example"
    assert found["identities"][0]["provider"] == "auth0"
    assert found["identities"][0]["user_id"] == SUBS["operator"].partition("|")[2]


def test_users_are_listed_by_page_with_totals_and_found_by_query(api: httpx.Client) -> None:
    page = api.get("/users", params={"per_page": 3, "page": 2, "include_totals": "true"}).json()
    assert (page["start"], page["limit"], page["length"], page["total"]) == (6, 3, 1, 7)
    for query, expected in (
        ('email:"admin2@acme.example"', ["Anya Admin"]),
        ("name:Mi*", ["Mia Member", "Milo Member"]),
        (f'user_id:"{SUBS["auditor"]}"', ["Ada Auditor"]),
        ("operator", ["Olu Operator", "Oona Operator"]),
    ):
        found = api.get("/users", params={"q": query}).json()
        assert [person["name"] for person in found] == expected


def test_roles_and_their_people_agree(api: httpx.Client) -> None:
    roles = api.get("/roles").json()
    assert [role["name"] for role in roles] == ["admin", "auditor", "operator"]
    assert api.get(user("admin", "/roles")).json() == [roles[0]]
    assert api.get(user("member1", "/roles")).json() == []
    people = api.get(f"/roles/{roles[2]['id']}/users").json()
    assert [person["name"] for person in people] == ["Olu Operator", "Oona Operator"]


def test_every_account_has_a_phone_enrolled_for_push(api: httpx.Client) -> None:
    for person in SUBS:
        methods = api.get(user(person, "/authentication-methods")).json()
        assert [method["type"] for method in methods] == ["push"]
        assert methods[0]["confirmed"] is True


def test_a_session_is_listed_and_deleting_it_signs_out(
    tenant_server: LocalTenant, browser: Browser, api: httpx.Client
) -> None:
    tokens = sign_in(browser, Attempt(tenant_server), "operator2")
    sid = claims_of(tenant_server, tokens["id_token"])["sid"]
    listed = api.get(user("operator2", "/sessions")).json()["sessions"]
    session = next(item for item in listed if item["id"] == sid)
    assert session["user_id"] == SUBS["operator2"]
    assert session["clients"] == [{"client_id": "ata-web"}]
    assert api.get(f"/sessions/{sid}").json() == session
    assert api.delete(f"/sessions/{sid}").status_code == 202
    assert api.get(f"/sessions/{sid}").json()["errorCode"] == "inexistent_session"
    assert not is_signed_in(tenant_server, browser)


def test_revoking_a_session_takes_its_refresh_tokens_and_no_others(
    tenant_server: LocalTenant, api: httpx.Client
) -> None:
    here, there = tenant_server.browser(), tenant_server.browser()
    gone, kept = web_tokens(tenant_server, here), web_tokens(tenant_server, there)
    sid = claims_of(tenant_server, gone["id_token"])["sid"]
    assert api.post(f"/sessions/{sid}/revoke").status_code == 202
    assert refresh(tenant_server, gone["refresh_token"]).status_code == 403
    assert refresh(tenant_server, kept["refresh_token"]).status_code == 200
    assert is_signed_in(tenant_server, there)


def test_refresh_tokens_are_listed_without_their_value_and_can_be_revoked(
    tenant_server: LocalTenant, browser: Browser, api: httpx.Client
) -> None:
    secret = web_tokens(tenant_server, browser, "member1")["refresh_token"]
    answer = api.get(user("member1", "/refresh-tokens"))
    assert secret not in answer.text
    newest = max(answer.json()["tokens"], key=lambda item: item["created_at"])
    assert newest["resource_servers"][0]["audience"] == API
    assert newest["rotating"] is False
    assert api.get(f"/refresh-tokens/{newest['id']}").json()["client_id"] == "ata-web"
    assert api.delete(f"/refresh-tokens/{newest['id']}").status_code == 202
    assert refresh(tenant_server, secret).status_code == 403


def test_revoke_access_ends_everything_unless_told_to_keep_refresh_tokens(
    tenant_server: LocalTenant, browser: Browser, api: httpx.Client
) -> None:
    secret = web_tokens(tenant_server, browser, "admin2")["refresh_token"]
    keeping = api.post(user("admin2", "/revoke-access"), json={"preserve_refresh_tokens": True})
    assert keeping.status_code == 202
    assert not is_signed_in(tenant_server, browser)
    assert refresh(tenant_server, secret).status_code == 200
    assert api.post(user("admin2", "/revoke-access")).status_code == 202
    assert refresh(tenant_server, secret).status_code == 403


def test_grants_show_what_a_person_let_an_app_do_and_deleting_ends_it(
    tenant_server: LocalTenant, browser: Browser, api: httpx.Client
) -> None:
    secret = web_tokens(tenant_server, browser, "auditor")["refresh_token"]
    query = {"user_id": SUBS["auditor"], "client_id": "ata-web", "audience": API}
    (grant,) = api.get("/grants", params=query).json()
    assert grant["clientID"] == "ata-web"
    assert "offline_access" in grant["scope"]
    assert api.delete(f"/grants/{grant['id']}").status_code == 204
    assert api.get("/grants", params=query).json() == []
    assert refresh(tenant_server, secret).status_code == 403


def test_connections_and_set_up_are_readable_and_show_no_secret(
    tenant_server: LocalTenant, api: httpx.Client
) -> None:
    names = [item["name"] for item in api.get("/connections").json()]
    assert names == ["github", "google-oauth2", "slack"]
    client = api.get("/clients/ata-web").json()
    assert client["refresh_token"]["rotation_type"] == "non-rotating"
    assert client["async_approval_notification_channels"] == ["guardian-push", "email"]
    assert tenant_server.secrets.web not in api.get("/clients").text
    approvals = api.get(f"/resource-servers/{quote('https://ata.local/approvals', safe='')}").json()
    assert approvals["authorization_details"] == [
        {"type": "urn:auth0:schemas:authorization-details:v1:ata-intent"}
    ]
    (grant,) = api.get("/client-grants", params={"client_id": "ata-web"}).json()
    assert grant["subject_type"] == "user"


def test_lists_by_checkpoint_continue_where_they_stopped(
    tenant_server: LocalTenant, api: httpx.Client
) -> None:
    for _ in range(3):
        sign_in(tenant_server.browser(), Attempt(tenant_server), "member2")
    seen: list[str] = []
    query: dict[str, Any] = {"take": 2}
    while True:
        page = api.get(user("member2", "/sessions"), params=query).json()
        seen += [item["id"] for item in page["sessions"]]
        if "next" not in page:
            break
        query["from"] = page["next"]
    assert len(seen) == len(set(seen)) >= 3


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/users/auth0%7Cnobody", 404, "inexistent_user"),
        ("GET", "/nothing/here", 404, "not_found"),
        ("POST", "/users", 405, "method_not_allowed"),
        ("GET", "/users?per_page=1000", 400, "invalid_query_string"),
        ("GET", "/users?q=shoe_size:42", 400, "invalid_query_string"),
        ("DELETE", "/grants", 400, "invalid_query_string"),
        ("POST", "/sessions/S_none/revoke", 404, "inexistent_session"),
    ],
)
def test_errors_speak_the_management_dialect(
    api: httpx.Client, method: str, path: str, status: int, code: str
) -> None:
    answer = api.request(method, path)
    body = answer.json()
    assert answer.status_code == body["statusCode"] == status
    assert body["errorCode"] == code
    assert body["error"]
    assert body["message"]


def test_a_token_for_another_api_or_without_the_scope_is_refused(
    tenant_server: LocalTenant, browser: Browser, api: httpx.Client
) -> None:
    other = sign_in(browser, Attempt(tenant_server, extra={"audience": API}))["access_token"]
    for token in (other, "nonsense", ""):
        headers = {"Authorization": f"Bearer {token}" if token else ""}
        answer = httpx.get(f"{tenant_server.url}/api/v2/users", headers=headers)
        assert answer.status_code == 401
    body = {
        "grant_type": "client_credentials",
        "client_id": "ata-mgmt",
        "client_secret": tenant_server.secrets.mgmt,
        "audience": f"{tenant_server.issuer}api/v2/",
        "scope": "read:roles",
    }
    narrow = httpx.post(f"{tenant_server.url}/oauth/token", json=body).json()["access_token"]
    refused = api.get("/users", headers={"Authorization": f"Bearer {narrow}"})
    assert refused.status_code == 403
    assert refused.json()["errorCode"] == "insufficient_scope"
    assert "read:users" in refused.json()["message"]


def test_calls_beyond_the_limit_are_429_with_headers_that_say_when(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    tenant = LocalTenant(
        tmp_path_factory.mktemp("limited"),
        extra_env={"TENANT_MGMT_BURST": "3", "TENANT_MGMT_RATE": "0.01"},
    )
    try:
        tenant.start()
        headers = {"Authorization": f"Bearer {management_token(tenant)}"}
        answers = [httpx.get(f"{tenant.url}/api/v2/roles", headers=headers) for _ in range(4)]
    finally:
        tenant.stop()
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert [answer.headers["x-ratelimit-remaining"] for answer in answers] == ["2", "1", "0", "0"]
    assert {answer.headers["x-ratelimit-limit"] for answer in answers} == {"3"}
    assert answers[3].headers["retry-after"] == "100"
    assert int(answers[3].headers["x-ratelimit-reset"]) > 1_700_000_000
