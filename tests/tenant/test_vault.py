"""The Token Vault exchange: who may exchange what, and how each refusal is worded."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterator

import httpx
import pytest

from tests.support.tenant import Browser, LocalTenant
from tests.support.written import written
from tests.tenant.actors import APPROVALS, DETAILS, INTENT_TYPE, SUBS, Asker, Phone
from tests.tenant.vault_actors import (
    API,
    GRANT,
    RT,
    TOKEN_TYPE,
    Member,
    MyAccount,
    exchange,
)


@pytest.fixture
def operator(tenant_server: LocalTenant, browser: Browser) -> Member:
    """Olu, whose GitHub and Slack are connected from the start."""
    return Member(tenant_server, browser, "operator")


@pytest.fixture
def milo(tenant_server: LocalTenant, browser: Browser) -> Iterator[MyAccount]:
    """Milo's account API; what he connects in a test is gone after it."""
    me = Member(tenant_server, browser, "member2").me()
    yield me
    fresh = Member(tenant_server, browser, "member2").me()
    for account in fresh.accounts():
        fresh.call("DELETE", f"accounts/{account['id']}")


def refusal(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]


def test_a_custom_api_client_exchanges_an_access_token_of_its_api(operator: Member) -> None:
    answer = exchange(operator.tenant, operator.api_token())
    assert answer.status_code == 200
    body = answer.json()
    provider_token = body.pop("access_token")
    assert "." not in provider_token
    assert 0 < body.pop("expires_in") <= 3600
    assert body == {
        "scope": "read:user repo",
        "issued_token_type": TOKEN_TYPE,
        "token_type": "Bearer",
    }
    assert answer.headers["Cache-Control"] == "no-store"
    logged = Asker(operator.tenant).logged("seta")[0]
    assert logged["user_id"] == SUBS["operator"]
    assert logged["client_id"] == "ata-vault"
    assert (logged["connection"], logged["strategy"]) == ("github", "github")
    assert logged["details"]["scope"] == "read:user repo"
    assert logged["details"]["is_privileged_worker"] is False
    thumbprint = hashlib.sha256(provider_token.encode()).hexdigest()
    assert logged["details"]["token_thumbprint"] == thumbprint
    assert provider_token not in str(logged)


def test_the_web_client_exchanges_a_refresh_token_as_long_as_it_does_not_rotate(
    operator: Member,
) -> None:
    tokens = operator.tokens(API, "openid offline_access")
    web = {
        "client_id": "ata-web",
        "client_secret": operator.tenant.secrets.web,
        "subject_token_type": RT,
    }
    first = exchange(operator.tenant, tokens["refresh_token"], **web)
    again = exchange(operator.tenant, tokens["refresh_token"], **web, connection="slack")
    assert first.status_code == again.status_code == 200
    assert again.json()["scope"] == "channels:read chat:write"
    assert refusal(exchange(operator.tenant, "v1.made-up", **web)) == (403, "invalid_grant")


def test_json_is_accepted_as_well_as_a_form(operator: Member) -> None:
    body = {
        "grant_type": GRANT,
        "client_id": "ata-vault",
        "client_secret": operator.tenant.secrets.vault,
        "subject_token": operator.api_token(),
        "subject_token_type": "urn:ietf:params:oauth:token-type:access_token",
        "requested_token_type": TOKEN_TYPE,
        "connection": "github",
    }
    assert httpx.post(f"{operator.tenant.url}/oauth/token", json=body).status_code == 200


@pytest.mark.parametrize("client_id", ["ata-cli", "ata-mgmt"])
def test_a_client_without_the_grant_is_refused(operator: Member, client_id: str) -> None:
    secret = operator.tenant.secrets.mgmt if client_id == "ata-mgmt" else None
    answer = exchange(
        operator.tenant, operator.api_token(), client_id=client_id, client_secret=secret
    )
    assert refusal(answer) == (403, "unauthorized_client")


def test_the_web_client_is_no_custom_api_client(operator: Member) -> None:
    answer = exchange(
        operator.tenant,
        operator.api_token(),
        client_id="ata-web",
        client_secret=operator.tenant.secrets.web,
    )
    assert refusal(answer) == (403, "unauthorized_client")
    assert "Custom API Client" in answer.json()["error_description"]


@pytest.mark.parametrize(
    ("changes", "expected", "words"),
    [
        ({"client_secret": "wrong"}, (401, "invalid_client"), ""),
        ({"subject_token": None}, (400, "invalid_request"), "subject_token"),
        ({"connection": None}, (400, "invalid_request"), "connection"),
        ({"requested_token_type": None}, (400, "invalid_request"), "requested_token_type"),
        (
            {"requested_token_type": TOKEN_TYPE.replace("http:", "https:")},
            (400, "invalid_request"),
            TOKEN_TYPE,
        ),
        ({"subject_token_type": "access_token"}, (400, "invalid_request"), "subject_token_type"),
        (
            {"subject_token_type": "urn:ietf:params:oauth:token-type:jwt"},
            (403, "unauthorized_client"),
            "Privileged",
        ),
        ({"connection": "linkedin"}, (401, "access_denied"), "does not exist"),
        (
            {"connection": "google-oauth2"},
            (401, "federated_connection_refresh_token_not_found"),
            "Federated connection Refresh Token not found.",
        ),
        (
            {"login_hint": "somebody-else"},
            (401, "federated_connection_refresh_token_not_found"),
            "Federated connection Refresh Token not found.",
        ),
        (
            {"grant_type": GRANT.replace("urn:auth0:", "urn:ietf:", 1)},
            (403, "unsupported_grant_type"),
            GRANT,
        ),
    ],
)
def test_each_wrong_request_is_refused_in_auth0s_words(
    operator: Member, changes: dict[str, str | None], expected: tuple[int, str], words: str
) -> None:
    answer = exchange(operator.tenant, operator.api_token(), **changes)
    assert refusal(answer) == expected
    assert words in answer.json()["error_description"]


def test_a_token_for_another_api_expired_or_altered_is_no_subject(operator: Member) -> None:
    other = operator.me().token
    assert refusal(exchange(operator.tenant, other)) == (401, "invalid_grant")
    good = operator.api_token()
    head, body, signature = good.split(".")
    altered = f"{head}.{body[:-2]}AA.{signature}"
    assert refusal(exchange(operator.tenant, altered)) == (401, "invalid_grant")
    operator.tenant.advance(86_401)
    assert refusal(exchange(operator.tenant, good)) == (401, "invalid_grant")


def test_an_id_token_is_no_subject(operator: Member) -> None:
    tokens = operator.tokens(API, "openid")
    assert refusal(exchange(operator.tenant, tokens["id_token"])) == (401, "invalid_grant")


@pytest.fixture
def api_with_details(tenant_server: LocalTenant) -> Iterator[str]:
    """The portal's API, on which the request type is registered as well for once."""
    with sqlite3.connect(tenant_server.var_dir / "tenant.sqlite3") as database:
        update = "UPDATE tenant_resourceserver SET authorization_details_types=? WHERE identifier=?"
        database.execute(update, (json.dumps([INTENT_TYPE]), API))
        database.commit()
        yield API
        database.execute(update, ("[]", API))
    database.close()


@pytest.mark.parametrize(
    ("audience", "expected"),
    [("the approval audience", (401, "invalid_grant")), ("the API", (403, "access_denied"))],
)
def test_a_token_that_carries_authorization_details_is_refused(
    tenant_server: LocalTenant, api_with_details: str, audience: str, expected: tuple[int, str]
) -> None:
    tenant_server.advance(400)
    asker = Asker(tenant_server)
    phone = Phone(tenant_server.browser(), "operator")
    phone.pick_up()
    request = asker.ask(audience=api_with_details if audience == "the API" else APPROVALS)
    phone.approve()
    body = asker.poll(request).json()
    assert body["authorization_details"] == DETAILS
    assert refusal(exchange(tenant_server, body["access_token"])) == expected


def test_signing_in_fills_no_vault_connecting_does(
    milo: MyAccount, tenant_server: LocalTenant
) -> None:
    token = milo.member.api_token()
    missing = exchange(tenant_server, token)
    assert refusal(missing) == (401, "federated_connection_refresh_token_not_found")
    assert Asker(tenant_server).logged("feta")[0]["details"]["failure_reason"] == (
        "federated_connection_refresh_token_not_found"
    )
    milo.connect("github", "octo-dev", scopes=["read:user"])
    assert exchange(tenant_server, token).json()["scope"] == "read:user"


def test_the_login_hint_picks_among_several_accounts(
    milo: MyAccount, tenant_server: LocalTenant
) -> None:
    ids = {}
    for login in ("octo-one", "octo-two"):
        milo.connect(login=login)
        logged = Asker(tenant_server).logged("connected_accounts_connection_succeeded")[0]
        ids[login] = logged["details"]["connected_account"]["idp_user_id"]
    token = milo.member.api_token()

    def speaks_for(**hint: str) -> str:
        given = exchange(tenant_server, token, **hint).json()["access_token"]
        url = f"{tenant_server.url}/providers/github/user"
        return str(httpx.get(url, headers={"Authorization": f"Bearer {given}"}).json()["login"])

    assert speaks_for(login_hint=ids["octo-one"]) == "octo-one"
    assert speaks_for(login_hint=ids["octo-two"]) == "octo-two"
    assert speaks_for() == "octo-two"


def test_the_token_is_reused_while_it_lives_and_renewed_when_it_is_over(
    operator: Member, tenant_server: LocalTenant
) -> None:
    first = exchange(tenant_server, operator.api_token()).json()
    second = exchange(tenant_server, operator.api_token()).json()
    assert second["access_token"] == first["access_token"]
    tenant_server.advance(first["expires_in"] + 1)
    third = exchange(tenant_server, operator.api_token()).json()
    assert third["access_token"] != first["access_token"]
    assert third["scope"] == first["scope"]
    assert third["expires_in"] > 3590


def test_the_database_holds_no_provider_token(operator: Member, tenant_server: LocalTenant) -> None:
    token = exchange(tenant_server, operator.api_token()).json()["access_token"]
    stored = b"".join(written(tenant_server.var_dir, "tenant.sqlite3*").values())
    assert SUBS["operator"].encode() in stored
    assert token.encode() not in stored
    for prefix in (b"ghr_", b"ghu_", b"xoxe-1-", b"xoxp-"):
        assert prefix not in stored


def test_a_disconnected_account_cannot_be_exchanged_any_more(
    milo: MyAccount, tenant_server: LocalTenant
) -> None:
    account = milo.connect().json()
    token = milo.member.api_token()
    assert exchange(tenant_server, token).status_code == 200
    milo.call("DELETE", f"accounts/{account['id']}")
    assert refusal(exchange(tenant_server, token)) == (
        401,
        "federated_connection_refresh_token_not_found",
    )


def test_revoking_ones_sessions_ends_the_refresh_token_exchange(
    operator: Member, tenant_server: LocalTenant
) -> None:
    tokens = operator.tokens(API, "openid offline_access")
    web = {
        "client_id": "ata-web",
        "client_secret": tenant_server.secrets.web,
        "subject_token_type": RT,
    }
    assert exchange(tenant_server, tokens["refresh_token"], **web).status_code == 200
    done = httpx.post(
        f"{tenant_server.url}/oauth/revoke",
        data={
            "client_id": "ata-web",
            "client_secret": tenant_server.secrets.web,
            "token": tokens["refresh_token"],
        },
    )
    assert done.status_code == 200
    again = exchange(tenant_server, tokens["refresh_token"], **web)
    assert refusal(again) == (403, "invalid_grant")
