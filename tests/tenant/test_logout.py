"""Ending sessions: who may ask, where it leads, and who is told."""

from __future__ import annotations

import time
from urllib.parse import parse_qs, urlencode

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from tests.support.sign_in import SUBS, Attempt, callback, claims_of, management_token, sign_in
from tests.support.tenant import Browser, LocalTenant
from tests.tenant.conftest import Observed

LOGOUT_PATH = "/oidc/backchannel-logout/"
PORTAL = "http://localhost:8000/"


def logout(browser: Browser, **params: str) -> httpx.Response:
    return browser.get(f"/oidc/logout?{urlencode(params)}")


def is_signed_in(tenant: LocalTenant, browser: Browser) -> bool:
    back = callback(browser.get(Attempt(tenant, extra={"prompt": "none"}).url()))
    return "code" in back


def test_an_id_token_hint_ends_the_session_and_returns_with_state(
    tenant_server: LocalTenant, browser: Browser
) -> None:
    tokens = sign_in(browser, Attempt(tenant_server))
    answer = logout(
        browser,
        id_token_hint=tokens["id_token"],
        post_logout_redirect_uri=PORTAL,
        state="s-9",
    )
    assert answer.headers["location"] == f"{PORTAL}?state=s-9"
    assert not is_signed_in(tenant_server, browser)


def test_a_matching_logout_hint_is_enough(tenant_server: LocalTenant, browser: Browser) -> None:
    tokens = sign_in(browser, Attempt(tenant_server))
    sid = claims_of(tenant_server, tokens["id_token"])["sid"]
    answer = logout(browser, logout_hint=sid, client_id="ata-web", post_logout_redirect_uri=PORTAL)
    assert answer.headers["location"] == PORTAL
    assert not is_signed_in(tenant_server, browser)


def test_without_a_hint_the_person_is_asked_and_may_stay(
    tenant_server: LocalTenant, browser: Browser
) -> None:
    sign_in(browser, Attempt(tenant_server))
    page = logout(browser, client_id="ata-web", post_logout_redirect_uri=PORTAL)
    assert "Sign out of the local tenant?" in page.text
    stayed = browser.submit(page, action="stay")
    assert stayed.headers["location"] == PORTAL
    assert is_signed_in(tenant_server, browser)
    browser.submit(logout(browser, client_id="ata-web"), action="logout")
    assert not is_signed_in(tenant_server, browser)


def test_another_site_cannot_sign_someone_out_by_posting(
    tenant_server: LocalTenant, browser: Browser
) -> None:
    sign_in(browser, Attempt(tenant_server))
    browser.http.post("/oidc/logout", data={"action": "logout"})
    assert is_signed_in(tenant_server, browser)


@pytest.mark.parametrize(
    ("params", "reason"),
    [
        ({"post_logout_redirect_uri": "http://evil.example/"}, "allowed logout URLs"),
        (
            {"client_id": "ata-web", "post_logout_redirect_uri": "http://localhost:8000/else"},
            "allowed logout URLs",
        ),
        ({"id_token_hint": "not.a.token"}, "not an ID token"),
        ({"client_id": "nobody", "post_logout_redirect_uri": PORTAL}, "Unknown client"),
    ],
)
def test_a_logout_that_does_not_fit_together_is_shown_and_ends_nothing(
    tenant_server: LocalTenant, browser: Browser, params: dict[str, str], reason: str
) -> None:
    sign_in(browser, Attempt(tenant_server))
    answer = logout(browser, **params)
    assert answer.status_code == 400
    assert reason in answer.text
    assert is_signed_in(tenant_server, browser)


def test_a_hint_of_another_person_is_refused(tenant_server: LocalTenant, browser: Browser) -> None:
    other = sign_in(tenant_server.browser(), Attempt(tenant_server), "admin")
    sign_in(browser, Attempt(tenant_server), "operator")
    answer = logout(browser, id_token_hint=other["id_token"])
    assert answer.status_code == 400
    assert "another person" in answer.text


def test_v2_logout_goes_to_an_allowed_address_only(
    tenant_server: LocalTenant, browser: Browser
) -> None:
    sign_in(browser, Attempt(tenant_server))
    refused = browser.get("/v2/logout?client_id=ata-web&returnTo=http%3A%2F%2Fevil.example%2F")
    assert refused.status_code == 400
    assert is_signed_in(tenant_server, browser)
    query = urlencode({"client_id": "ata-web", "returnTo": PORTAL})
    assert browser.get(f"/v2/logout?{query}").headers["location"] == PORTAL
    assert not is_signed_in(tenant_server, browser)


def test_signing_out_tells_the_clients_of_the_session_by_back_channel(observed: Observed) -> None:
    tenant, browser = observed.tenant, observed.tenant.browser()
    tokens = sign_in(browser, Attempt(tenant))
    claims = claims_of(tenant, tokens["id_token"])
    logout(browser, id_token_hint=tokens["id_token"])
    arrived = observed.portal.next(LOGOUT_PATH)
    assert arrived.headers["content-type"] == "application/x-www-form-urlencoded"
    logout_token = parse_qs(arrived.body.decode())["logout_token"][0]
    published = httpx.get(f"{tenant.url}/.well-known/jwks.json").json()
    decoded = jwt.decode(logout_token, KeySet.import_key_set(published), algorithms=["RS256"])
    told = decoded.claims
    assert decoded.header["typ"] == "JWT"
    assert (told["iss"], told["aud"]) == (tenant.issuer, "ata-web")
    assert (told["sub"], told["sid"]) == (SUBS["operator"], claims["sid"])
    assert told["exp"] - told["iat"] == 120
    assert told["events"] == {"http://schemas.openid.net/event/backchannel-logout": {}}
    assert told["jti"]
    assert "nonce" not in told


def test_deleting_sessions_by_management_tells_the_clients_too(observed: Observed) -> None:
    tenant, browser = observed.tenant, observed.tenant.browser()
    sid = claims_of(tenant, sign_in(browser, Attempt(tenant), "member1")["id_token"])["sid"]
    answer = httpx.delete(
        f"{tenant.url}/api/v2/users/{SUBS['member1']}/sessions",
        headers={"Authorization": f"Bearer {management_token(tenant)}"},
    )
    assert answer.status_code == 202
    told = parse_qs(observed.portal.next(LOGOUT_PATH).body.decode())["logout_token"][0]
    assert claims_of(tenant, told)["sid"] == sid
    assert not is_signed_in(tenant, browser)


def test_a_client_that_refuses_the_logout_token_is_logged_as_a_failure(observed: Observed) -> None:
    tenant, browser = observed.tenant, observed.tenant.browser()
    tokens = sign_in(browser, Attempt(tenant), "member2")
    observed.portal.answers[LOGOUT_PATH] = [400]
    logout(browser, id_token_hint=tokens["id_token"])
    observed.portal.next(LOGOUT_PATH)
    headers = {"Authorization": f"Bearer {management_token(tenant)}"}
    query = {"q": "type:oidc_backchannel_logout_failed"}
    deadline = time.monotonic() + 20
    found: list[dict[str, str]] = []
    while not found and time.monotonic() < deadline:
        found = httpx.get(f"{tenant.url}/api/v2/logs", params=query, headers=headers).json()
    assert "answered 400" in found[0]["description"]
    assert found[0]["user_id"] == SUBS["member2"]
