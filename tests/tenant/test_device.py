"""The device grant as Auth0 answers it: 403 pending, 429 slow_down, one last word, then silence."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from tests.support.sign_in import API, SUBS, claims_of
from tests.support.tenant import Browser, LocalTenant

GRANT = "urn:ietf:params:oauth:grant-type:device_code"
SCOPE = "openid profile email offline_access write:events"


def start(tenant: LocalTenant, **changes: str) -> httpx.Response:
    body = {"client_id": "ata-cli", "scope": SCOPE, "audience": API, **changes}
    return httpx.post(f"{tenant.url}/oauth/device/code", data=body)


def poll(tenant: LocalTenant, device_code: str) -> httpx.Response:
    """Poll no faster than allowed (on the tenant's clock)."""
    tenant.advance(5)
    return poll_at_once(tenant, device_code)


def poll_at_once(tenant: LocalTenant, device_code: str) -> httpx.Response:
    body = {"grant_type": GRANT, "client_id": "ata-cli", "device_code": device_code}
    return httpx.post(f"{tenant.url}/oauth/token", data=body)


def answer(browser: Browser, started: dict[str, Any], person: str, action: str) -> httpx.Response:
    page = browser.get(started["verification_uri_complete"])
    page = browser.sign_in(page, SUBS[person])
    assert started["user_code"] in page.text
    assert "ata command line" in page.text
    return browser.submit(page, action=action)


def outcome(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json().get("error", "")


def test_starting_gives_a_code_to_type_and_an_address_to_open(tenant_server: LocalTenant) -> None:
    started = start(tenant_server).json()
    assert re.fullmatch(r"[B-DF-HJ-NP-TV-XZ]{4}-[B-DF-HJ-NP-TV-XZ]{4}", started["user_code"])
    assert started["verification_uri"] == f"{tenant_server.issuer}activate"
    assert started["verification_uri_complete"].endswith(f"?user_code={started['user_code']}")
    assert (started["expires_in"], started["interval"]) == (900, 5)


def test_a_confirmed_device_gets_all_three_tokens_once(
    tenant_server: LocalTenant, browser: Browser
) -> None:
    started = start(tenant_server).json()
    assert outcome(poll(tenant_server, started["device_code"])) == (403, "authorization_pending")
    done = answer(browser, started, "operator", "confirm")
    assert "Device connected" in done.text
    response = poll(tenant_server, started["device_code"])
    assert response.status_code == 200, response.text
    tokens = response.json()
    access = claims_of(tenant_server, tokens["access_token"])
    assert access["azp"] == "ata-cli"
    assert access["aud"] == [API, f"{tenant_server.issuer}userinfo"]
    assert access["permissions"] == ["write:events"]
    assert claims_of(tenant_server, tokens["id_token"])["sub"] == SUBS["operator"]
    assert tokens["refresh_token"]
    assert tokens["expires_in"] == 86_400
    assert outcome(poll(tenant_server, started["device_code"])) == (403, "invalid_grant")


def test_of_many_polls_at_once_one_gets_the_tokens(
    tenant_server: LocalTenant, browser: Browser
) -> None:
    started = start(tenant_server).json()
    answer(browser, started, "operator", "confirm")
    with ThreadPoolExecutor(8) as pool:
        polls = [pool.submit(poll_at_once, tenant_server, started["device_code"]) for _ in range(8)]
    statuses = sorted(each.result().status_code for each in polls)
    assert statuses == [200] + [403] * 7


def test_a_cancelled_device_hears_access_denied_once(
    tenant_server: LocalTenant, browser: Browser
) -> None:
    started = start(tenant_server).json()
    done = answer(browser, started, "operator", "cancel")
    assert "Device refused" in done.text
    response = poll(tenant_server, started["device_code"])
    assert outcome(response) == (403, "access_denied")
    assert response.json()["error_description"] == "User cancelled the confirmation prompt."
    assert outcome(poll(tenant_server, started["device_code"])) == (403, "invalid_grant")


def test_an_expired_code_says_so_once(tenant_server: LocalTenant) -> None:
    started = start(tenant_server).json()
    tenant_server.advance(901)
    assert outcome(poll_at_once(tenant_server, started["device_code"])) == (403, "expired_token")
    assert outcome(poll_at_once(tenant_server, started["device_code"])) == (403, "invalid_grant")


def test_polling_too_fast_is_429_slow_down_and_waiting_heals_it(
    tenant_server: LocalTenant,
) -> None:
    started = start(tenant_server).json()
    poll_at_once(tenant_server, started["device_code"])
    hasty = poll_at_once(tenant_server, started["device_code"])
    assert outcome(hasty) == (429, "slow_down")
    assert "interval of 5 seconds" in hasty.json()["error_description"]
    assert outcome(poll(tenant_server, started["device_code"])) == (403, "authorization_pending")


def test_a_restart_keeps_a_device_in_flight(tenant_server: LocalTenant, browser: Browser) -> None:
    started = start(tenant_server).json()
    tenant_server.stop()
    tenant_server.serve()
    answer(browser, started, "auditor", "confirm")
    assert poll(tenant_server, started["device_code"]).status_code == 200


@pytest.mark.parametrize(
    ("changes", "status", "error"),
    [
        ({"client_id": "nobody"}, 403, "unauthorized_client"),
        ({"client_id": "ata-web"}, 403, "unauthorized_client"),
        ({"client_id": ""}, 400, "invalid_request"),
        ({"audience": "https://nowhere.example"}, 403, "access_denied"),
    ],
)
def test_a_start_that_cannot_succeed_is_refused_at_once(
    tenant_server: LocalTenant, changes: dict[str, str], status: int, error: str
) -> None:
    assert outcome(start(tenant_server, **changes)) == (status, error)


def test_a_code_typed_in_lower_case_without_its_dash_is_understood(
    tenant_server: LocalTenant, browser: Browser
) -> None:
    started = start(tenant_server).json()
    typed = started["user_code"].replace("-", "").lower()
    page = browser.sign_in(browser.get(f"/activate?user_code={typed}"), SUBS["member1"])
    assert started["user_code"] in page.text


def test_a_wrong_code_is_explained(tenant_server: LocalTenant, browser: Browser) -> None:
    page = browser.get("/activate?user_code=BBBB-BBBB")
    assert page.status_code == 400
    assert "type it again" in page.text


def test_confirming_needs_the_pages_own_form(tenant_server: LocalTenant, browser: Browser) -> None:
    started = start(tenant_server).json()
    answer_page = browser.get(started["verification_uri_complete"])
    browser.sign_in(answer_page, SUBS["operator"])
    forged = browser.http.post(
        "/activate", data={"user_code": started["user_code"], "action": "confirm"}
    )
    assert forged.status_code == 403
    assert outcome(poll(tenant_server, started["device_code"])) == (403, "authorization_pending")


def test_allauth_still_needs_our_device_code_hook(tenant_server: LocalTenant) -> None:
    """Fails when allauth ships ``validate_device_code``: delete ours then."""
    program = (
        "from allauth.idp.oidc.internal.oauthlib.request_validator import "
        "OAuthLibRequestValidator as upstream\n"
        "from local.tenant.oauth.engine import TenantValidator as ours\n"
        "print(hasattr(upstream, 'validate_device_code'), hasattr(ours, 'validate_device_code'))"
    )
    assert tenant_server.execute(program).split() == ["False", "True"]
