"""Refresh tokens: rotation and reuse, multi-resource refresh that ignores silently, revocation."""

from __future__ import annotations

from typing import Any

import httpx

from tests.support.sign_in import API, SUBS, Attempt, claims_of, sign_in
from tests.support.tenant import Browser, LocalTenant
from tests.tenant.test_device import answer, poll, start

OFFLINE = "openid profile offline_access read:events write:events"


def refresh(tenant: LocalTenant, token: str, **changes: str) -> httpx.Response:
    body = {
        "grant_type": "refresh_token",
        "client_id": "ata-web",
        "client_secret": tenant.secrets.web,
        "refresh_token": token,
        **changes,
    }
    body = {name: value for name, value in body.items() if value}
    return httpx.post(f"{tenant.url}/oauth/token", json=body)


def refresh_cli(tenant: LocalTenant, token: str) -> httpx.Response:
    return refresh(tenant, token, client_id="ata-cli", client_secret="")


def web_tokens(tenant: LocalTenant, browser: Browser, person: str = "admin") -> dict[str, Any]:
    return sign_in(browser, Attempt(tenant, scope=OFFLINE, extra={"audience": API}), person)


def cli_tokens(tenant: LocalTenant, browser: Browser) -> dict[str, Any]:
    started = start(tenant).json()
    answer(browser, started, "operator", "confirm")
    return dict(poll(tenant, started["device_code"]).json())


def test_a_refresh_token_comes_only_for_offline_access(
    tenant_server: LocalTenant, browser: Browser
) -> None:
    online = sign_in(browser, Attempt(tenant_server, extra={"audience": API}))
    assert "refresh_token" not in online
    assert web_tokens(tenant_server, browser)["refresh_token"]


def test_a_non_rotating_token_works_again_and_again(
    tenant_server: LocalTenant, browser: Browser
) -> None:
    first = web_tokens(tenant_server, browser)
    for _ in range(2):
        answered = refresh(tenant_server, first["refresh_token"])
        assert answered.status_code == 200, answered.text
        assert "refresh_token" not in answered.json()
    claims = claims_of(tenant_server, answered.json()["access_token"])
    assert claims["sub"] == SUBS["admin"]
    assert claims["aud"][0] == API
    assert claims["permissions"] == ["read:events", "write:events"]


def test_a_refreshed_id_token_keeps_the_session_and_drops_nonce_and_amr(
    tenant_server: LocalTenant, browser: Browser
) -> None:
    first = web_tokens(tenant_server, browser)
    before = claims_of(tenant_server, first["id_token"])
    after = claims_of(
        tenant_server, refresh(tenant_server, first["refresh_token"]).json()["id_token"]
    )
    assert before["amr"] == ["mfa"]
    assert after["sid"] == before["sid"]
    assert "amr" not in after
    assert "nonce" not in after


def test_scope_can_shrink_and_never_grows(tenant_server: LocalTenant, browser: Browser) -> None:
    token = web_tokens(tenant_server, browser)["refresh_token"]
    less = refresh(tenant_server, token, scope="openid read:events delete:everything").json()
    assert less["scope"] == "openid read:events"


def test_reusing_a_rotated_token_revokes_its_whole_family(
    tenant_server: LocalTenant, browser: Browser
) -> None:
    first = cli_tokens(tenant_server, browser)["refresh_token"]
    second = refresh_cli(tenant_server, first).json()["refresh_token"]
    assert second != first
    tenant_server.advance(31)
    stolen = refresh_cli(tenant_server, first)
    assert stolen.status_code == 403
    assert stolen.json() == {
        "error": "invalid_grant",
        "error_description": "Unknown or invalid refresh token.",
    }
    assert refresh_cli(tenant_server, second).status_code == 403


def test_two_processes_refreshing_at_once_both_succeed_within_the_leeway(
    tenant_server: LocalTenant, browser: Browser
) -> None:
    first = cli_tokens(tenant_server, browser)["refresh_token"]
    one = refresh_cli(tenant_server, first)
    two = refresh_cli(tenant_server, first)
    assert (one.status_code, two.status_code) == (200, 200)
    assert refresh_cli(tenant_server, two.json()["refresh_token"]).status_code == 200


def test_an_audience_with_a_policy_gives_a_token_for_that_api(
    tenant_server: LocalTenant, browser: Browser
) -> None:
    token = web_tokens(tenant_server, browser)["refresh_token"]
    audience = f"{tenant_server.issuer}me/"
    answered = refresh(tenant_server, token, audience=audience).json()
    claims = claims_of(tenant_server, answered["access_token"])
    assert claims["aud"][0] == audience
    assert "delete:me:connected_accounts" in answered["scope"].split()
    narrow = refresh(
        tenant_server, token, audience=audience, scope="openid read:me:connected_accounts"
    ).json()
    assert "delete:me:connected_accounts" not in narrow["scope"].split()
    assert "read:me:connected_accounts" in narrow["scope"].split()


def test_an_audience_without_a_policy_is_ignored_silently(
    tenant_server: LocalTenant, browser: Browser
) -> None:
    token = web_tokens(tenant_server, browser)["refresh_token"]
    for audience in (
        f"{tenant_server.issuer}api/v2/",
        "https://ata.local/approvals",
        "https://nowhere.example/",
    ):
        answered = refresh(tenant_server, token, audience=audience)
        assert answered.status_code == 200
        assert claims_of(tenant_server, answered.json()["access_token"])["aud"][0] == API


def test_revoking_is_200_and_empty_and_ends_the_family(
    tenant_server: LocalTenant, browser: Browser
) -> None:
    token = web_tokens(tenant_server, browser)["refresh_token"]
    body = {"client_id": "ata-web", "client_secret": tenant_server.secrets.web, "token": token}
    answered = httpx.post(f"{tenant_server.url}/oauth/revoke", json=body)
    assert (answered.status_code, answered.content) == (200, b"")
    assert refresh(tenant_server, token).json()["error"] == "invalid_grant"
    again = httpx.post(f"{tenant_server.url}/oauth/revoke", json=body)
    assert again.status_code == 200


def test_a_refresh_token_is_useless_to_another_client(
    tenant_server: LocalTenant, browser: Browser
) -> None:
    token = web_tokens(tenant_server, browser)["refresh_token"]
    assert refresh_cli(tenant_server, token).json()["error"] == "invalid_grant"


def test_client_credentials_carry_gty_and_the_clients_subject(tenant_server: LocalTenant) -> None:
    body = {
        "grant_type": "client_credentials",
        "client_id": "ata-mgmt",
        "client_secret": tenant_server.secrets.mgmt,
        "audience": f"{tenant_server.issuer}api/v2/",
    }
    answered = httpx.post(f"{tenant_server.url}/oauth/token", json=body).json()
    claims = claims_of(tenant_server, answered["access_token"])
    assert claims["sub"] == "ata-mgmt@clients"
    assert claims["gty"] == "client-credentials"
    assert claims["aud"] == body["audience"]
    assert "read:logs" in claims["scope"].split()
    refused = httpx.post(f"{tenant_server.url}/oauth/token", json=body | {"audience": API})
    assert (refused.status_code, refused.json()["error"]) == (403, "access_denied")


def test_a_misspelt_vault_grant_is_refused_with_the_right_one(tenant_server: LocalTenant) -> None:
    wrong = "urn:ietf:params:oauth:grant-type:token-exchange:federated-connection-access-token"
    body = {"grant_type": wrong, "client_id": "ata-vault"}
    answered = httpx.post(f"{tenant_server.url}/oauth/token", data=body)
    assert (answered.status_code, answered.json()["error"]) == (403, "unsupported_grant_type")
    assert wrong.replace("urn:ietf", "urn:auth0") in answered.json()["error_description"]
