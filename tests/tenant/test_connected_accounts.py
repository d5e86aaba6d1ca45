"""Connecting an account: My Account API, the provider's consent page, the Management list."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.support.tenant import Browser, LocalTenant
from tests.tenant.actors import SUBS, Asker, management_token
from tests.tenant.vault_actors import Member, MyAccount, s256


@pytest.fixture
def milo(tenant_server: LocalTenant, browser: Browser) -> Iterator[MyAccount]:
    """Milo's account API; what he connects in a test is gone after it."""
    me = Member(tenant_server, browser, "member2").me()
    yield me
    fresh = Member(tenant_server, browser, "member2").me()
    for account in fresh.accounts():
        fresh.call("DELETE", f"accounts/{account['id']}")


def problem(answer: httpx.Response) -> dict[str, Any]:
    assert answer.headers["Content-Type"] == "application/problem+json"
    body = dict(answer.json())
    assert body["status"] == answer.status_code
    assert body["type"].startswith("https://auth0.com/api-errors#A0E-")
    return body


def test_connecting_answers_201_twice_and_lists_the_account(milo: MyAccount) -> None:
    verifier = secrets.token_urlsafe(48)
    scopes = ["read:user", "public_repo"]
    begun = milo.begin(scopes=scopes, code_challenge=s256(verifier), code_challenge_method="S256")
    assert begun.status_code == 201
    started = begun.json()
    assert started["auth_session"].startswith("as_")
    assert len(started["auth_session"]) <= 64
    assert started["expires_in"] == 300
    assert started["connect_uri"] == f"{milo.member.tenant.issuer}connected-accounts/connect"
    back = milo.consent(started, answer="allow", login="octo-dev")
    assert set(back) == {"connect_code", "state"}
    assert back["state"] == "st&te=1"
    assert len(back["connect_code"]) <= 46
    done = milo.complete(started, back["connect_code"], code_verifier=verifier)
    assert done.status_code == 201
    account = done.json()
    assert re.fullmatch(r"cac_[A-Za-z0-9]+", account["id"])
    assert account["connection"] == "github"
    assert account["access_type"] == "offline"
    assert account["scopes"] == scopes
    assert set(account) == {"id", "connection", "access_type", "scopes", "created_at"}
    assert milo.accounts() == [account]
    logged = Asker(milo.member.tenant).logged("connected_accounts_connection_succeeded")[0]
    assert logged["user_id"] == SUBS["member2"]
    assert logged["details"]["connected_account"]["id"] == account["id"]
    assert logged["details"]["connected_account"]["idp_user_id"].isdecimal()
    assert logged["details"]["request"]["path"] == "/me/v1/connected-accounts/complete"


def test_the_consent_page_is_the_providers_and_says_scopes_in_its_words(milo: MyAccount) -> None:
    started = milo.begin("google-oauth2", scopes=["openid", "email"]).json()
    page = milo.member.browser.get(
        f"/connected-accounts/connect?ticket={started['connect_params']['ticket']}"
    )
    assert "DEMO" in page.text
    assert "LOCAL TENANT" in page.text
    assert "Let <em>Auth0-ATA</em> use your Google account?" in page.text
    assert "See your primary Google Account e-mail address" in page.text
    assert "calendar" not in page.text
    assert " style=" not in page.text


def test_without_scopes_the_providers_defaults_are_asked(milo: MyAccount) -> None:
    assert milo.connect("slack", "mia@acme").json()["scopes"] == ["channels:read", "chat:write"]


def test_cancelling_goes_back_with_an_error_and_connects_nothing(milo: MyAccount) -> None:
    started = milo.begin().json()
    back = milo.consent(started, answer="cancel")
    assert back["error"] == "access_denied"
    assert back["state"] == "st&te=1"
    assert "connect_code" not in back
    assert milo.complete(started, "x" * 43).status_code == 400
    assert milo.accounts() == []
    assert Asker(milo.member.tenant).logged("connected_accounts_connection_failed")


def test_a_ticket_works_once_and_for_five_minutes(milo: MyAccount) -> None:
    browser = milo.member.browser
    started = milo.begin().json()
    address = f"/connected-accounts/connect?ticket={started['connect_params']['ticket']}"
    page = browser.get(address)
    milo.consent(started, answer="cancel")
    assert browser.get(address).status_code == 400
    assert browser.submit(page, answer="allow", login="octo-dev").status_code == 400
    late = milo.begin().json()
    milo.member.tenant.advance(301)
    stale = browser.get(f"/connected-accounts/connect?ticket={late['connect_params']['ticket']}")
    assert stale.status_code == 400
    assert "Start connecting again" in stale.text


def test_another_person_cannot_answer_with_ones_ticket(
    milo: MyAccount, tenant_server: LocalTenant
) -> None:
    started = milo.begin().json()
    address = f"/connected-accounts/connect?ticket={started['connect_params']['ticket']}"
    mia = tenant_server.browser()
    mia.sign_in(mia.get("/u/login"), SUBS["member1"])
    assert mia.get(address).status_code == 403
    stranger = tenant_server.browser()
    assert "Which account?" not in stranger.get(address).text


def test_another_person_cannot_complete_ones_session(
    milo: MyAccount, tenant_server: LocalTenant
) -> None:
    started = milo.begin().json()
    back = milo.consent(started, answer="allow", login="octo-dev")
    mia = Member(tenant_server, tenant_server.browser(), "member1").me()
    stolen = mia.complete(started, back["connect_code"])
    assert problem(stolen)["status"] == 400
    assert milo.complete(started, back["connect_code"]).status_code == 201


def test_a_connect_code_is_spent_by_its_first_try_right_or_wrong(milo: MyAccount) -> None:
    started = milo.begin().json()
    back = milo.consent(started, answer="allow", login="octo-dev")
    assert milo.complete(started, "x" * 43).status_code == 400
    assert milo.complete(started, back["connect_code"]).status_code == 400
    assert milo.accounts() == []


@pytest.mark.parametrize("verifier", [None, "v" * 43])
def test_completing_without_the_right_verifier_fails(milo: MyAccount, verifier: str | None) -> None:
    challenge = s256(secrets.token_urlsafe(48))
    started = milo.begin(code_challenge=challenge, code_challenge_method="S256").json()
    back = milo.consent(started, answer="allow", login="octo-dev")
    extra = {"code_verifier": verifier} if verifier else {}
    refused = milo.complete(started, back["connect_code"], **extra)
    assert "code_verifier" in problem(refused)["detail"]
    assert milo.accounts() == []


def test_connecting_the_same_account_again_is_a_conflict(milo: MyAccount) -> None:
    assert milo.connect(login="octo-dev").status_code == 201
    assert problem(milo.connect(login="octo-dev"))["status"] == 409
    assert milo.connect(login="octo-ops").status_code == 201
    assert len(milo.accounts()) == 2


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"connection": None}, "connection"),
        ({"connection": ""}, "connection"),
        ({"redirect_uri": "https://evil.example/"}, "redirect_uri"),
        ({"redirect_uri": "nonsense"}, "redirect_uri"),
        ({"state": ""}, "state"),
        ({"scopes": []}, "scopes"),
        ({"scopes": "repo"}, "scopes"),
        ({"scopes": ["repo", "repo"]}, "scopes"),
        ({"scopes": ["launch:missiles"]}, "scopes"),
        ({"code_challenge": "short", "code_challenge_method": "S256"}, "code_challenge"),
        ({"code_challenge": "c" * 43}, "code_challenge_method"),
        ({"code_challenge": "c" * 43, "code_challenge_method": "plain"}, "code_challenge_method"),
        ({"authorization_params": {"evil": 1}}, "authorization_params"),
        ({"surprise": 1}, "surprise"),
    ],
)
def test_a_bad_connect_body_names_the_member(
    milo: MyAccount, changes: dict[str, Any], name: str
) -> None:
    body = problem(milo.begin(**changes))
    assert body["status"] == 400
    assert [error["field"] for error in body["validation_errors"]] == [name]


def test_an_unknown_connection_is_not_found(milo: MyAccount) -> None:
    assert problem(milo.begin("linkedin"))["status"] == 404


def test_a_form_body_is_an_unsupported_media_type(milo: MyAccount) -> None:
    assert problem(milo.call("POST", "connect", data={"connection": "github"}))["status"] == 415


def test_no_token_401_wrong_audience_401_missing_scope_403(
    milo: MyAccount, tenant_server: LocalTenant, browser: Browser
) -> None:
    member = Member(tenant_server, browser, "member2")
    assert problem(milo.call("GET", "accounts", headers={"Authorization": ""}))["status"] == 401
    other = MyAccount(member, member.api_token())
    assert problem(other.call("GET", "accounts"))["status"] == 401
    reader = member.me("read:me:connected_accounts")
    assert reader.call("GET", "accounts").status_code == 200
    assert problem(reader.begin())["status"] == 403
    assert problem(reader.call("DELETE", "accounts/cac_x"))["status"] == 403


def test_accounts_come_in_pages_and_by_connection(milo: MyAccount) -> None:
    for login in ("one", "two", "three"):
        milo.connect(login=login)
    milo.connect("slack", "mia@acme")
    seen: list[str] = []
    query = "accounts?take=3"
    while query:
        page = milo.call("GET", query).json()
        seen += [account["connection"] for account in page["accounts"]]
        query = f"accounts?take=3&from={page['next']}" if "next" in page else ""
    assert seen == ["github"] * 3 + ["slack"]
    assert len(milo.accounts("?connection=slack")) == 1
    assert len(milo.accounts("?connection=slack&connection=github")) == 4
    for bad in ("take=0", "take=21", "take=x", "from=cac_nobody"):
        assert problem(milo.call("GET", f"accounts?{bad}"))["status"] == 400


def test_connections_lists_what_can_be_connected(milo: MyAccount) -> None:
    page = milo.call("GET", "connections?take=2").json()
    assert [connection["name"] for connection in page["connections"]] == ["github", "google-oauth2"]
    rest = milo.call("GET", f"connections?take=2&from={page['next']}").json()
    assert [connection["name"] for connection in rest["connections"]] == ["slack"]
    assert "next" not in rest


def test_deleting_answers_204_and_only_to_the_owner(
    milo: MyAccount, tenant_server: LocalTenant
) -> None:
    account = milo.connect().json()
    mia = Member(tenant_server, tenant_server.browser(), "member1").me()
    assert mia.call("DELETE", f"accounts/{account['id']}").status_code == 404
    assert len(milo.accounts()) == 1
    assert milo.call("DELETE", f"accounts/{account['id']}").status_code == 204
    assert milo.accounts() == []
    logged = Asker(tenant_server).logged("connected_accounts_delete_succeeded")[0]
    assert logged["details"]["connected_account"]["id"] == account["id"]


def management(tenant: LocalTenant, sub: str, query: str = "") -> httpx.Response:
    return httpx.get(
        f"{tenant.url}/api/v2/users/{sub}/connected-accounts{query}",
        headers={"Authorization": f"Bearer {management_token(tenant)}"},
    )


def test_the_management_api_lists_but_does_not_delete(tenant_server: LocalTenant) -> None:
    answer = management(tenant_server, SUBS["operator"])
    assert answer.status_code == 200
    listed = answer.json()["connected_accounts"]
    assert [account["connection"] for account in listed] == ["github", "slack"]
    assert listed[0]["connection_id"].startswith("con_")
    assert listed[0]["strategy"] == "github"
    first = management(tenant_server, SUBS["operator"], "?take=1").json()
    rest = management(tenant_server, SUBS["operator"], f"?take=1&from={first['next']}").json()
    assert rest["connected_accounts"] == listed[1:]
    assert "next" not in rest
    assert management(tenant_server, SUBS["member2"]).json() == {"connected_accounts": []}
    assert management(tenant_server, "auth0|nobody").json()["statusCode"] == 404
    assert management(tenant_server, SUBS["operator"], "?take=21").json()["statusCode"] == 400
    url = f"{tenant_server.url}/api/v2/users/{SUBS['operator']}/connected-accounts"
    assert httpx.get(url).status_code == 401
    token = management_token(tenant_server)
    gone = httpx.delete(url, headers={"Authorization": f"Bearer {token}"})
    assert gone.status_code == 405
    assert gone.json()["statusCode"] == 405
