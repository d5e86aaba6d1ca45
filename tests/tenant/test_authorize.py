"""Code and PKCE: who is signed in, when they are asked, and what the tokens then say."""

from __future__ import annotations

import base64
import hashlib
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.support.sign_in import API, MFA, SUBS, Attempt, callback, claims_of, sign_in
from tests.support.tenant import Browser, LocalTenant

ROLES = "https://ata.example/roles"


def test_signing_in_gives_an_id_token_of_auth0s_shape(
    tenant_server: LocalTenant, browser: Browser
) -> None:
    attempt = Attempt(tenant_server)
    tokens = sign_in(browser, attempt, "operator")
    claims = claims_of(tenant_server, tokens["id_token"])
    assert claims["iss"] == tenant_server.issuer
    assert claims["aud"] == "ata-web"
    assert claims["sub"] == SUBS["operator"]
    assert claims["nonce"] == attempt.nonce
    assert claims["exp"] - claims["iat"] == 36_000
    assert claims[ROLES] == ["operator"]
    assert claims["amr"] == ["mfa"]
    assert claims["email"] == "operator@acme.example"
    assert claims["name"] == "Olu Operator"
    assert claims["sid"].startswith("S_")
    assert "auth_time" not in claims
    half = hashlib.sha256(tokens["access_token"].encode()).digest()[:16]
    assert claims["at_hash"] == base64.urlsafe_b64encode(half).rstrip(b"=").decode()


def test_an_api_access_token_carries_audience_permissions_and_roles(
    tenant_server: LocalTenant, browser: Browser
) -> None:
    attempt = Attempt(
        tenant_server, scope="openid write:events read:events", extra={"audience": API}
    )
    tokens = sign_in(browser, attempt, "operator")
    claims = claims_of(tenant_server, tokens["access_token"])
    assert claims["aud"] == [API, f"{tenant_server.issuer}userinfo"]
    assert claims["azp"] == "ata-web"
    assert claims["permissions"] == ["write:events"]
    assert claims[ROLES] == ["operator"]
    assert tokens["scope"] == claims["scope"] == "openid write:events"
    assert tokens["expires_in"] == claims["exp"] - claims["iat"] == 86_400
    assert "gty" not in claims


def test_without_openid_the_audience_is_a_string_and_no_id_token_comes(
    tenant_server: LocalTenant, browser: Browser
) -> None:
    attempt = Attempt(tenant_server, scope="write:events", extra={"audience": API})
    tokens = sign_in(browser, attempt)
    assert "id_token" not in tokens
    assert claims_of(tenant_server, tokens["access_token"])["aud"] == API


def test_the_authorization_response_returns_the_state(
    tenant_server: LocalTenant, browser: Browser
) -> None:
    page = browser.get(Attempt(tenant_server).url())
    assert callback(browser.sign_in(page, SUBS["auditor"]))["state"] == "st-1"


def test_a_code_works_once(tenant_server: LocalTenant, browser: Browser) -> None:
    attempt = Attempt(tenant_server)
    code = callback(browser.sign_in(browser.get(attempt.url()), SUBS["auditor"]))["code"]
    assert attempt.redeem(code).status_code == 200
    again = attempt.redeem(code)
    assert again.status_code == 403
    assert again.json()["error"] == "invalid_grant"


def test_of_many_who_redeem_a_code_at_once_one_succeeds(
    tenant_server: LocalTenant, browser: Browser
) -> None:
    attempt = Attempt(tenant_server)
    code = callback(browser.sign_in(browser.get(attempt.url()), SUBS["auditor"]))["code"]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: attempt.redeem(code).status_code, range(8)))
    assert sorted(answers) == [200] + [403] * 7


def test_a_code_dies_after_a_minute(tenant_server: LocalTenant, browser: Browser) -> None:
    attempt = Attempt(tenant_server)
    code = callback(browser.sign_in(browser.get(attempt.url()), SUBS["auditor"]))["code"]
    tenant_server.advance(61)
    assert attempt.redeem(code).json()["error"] == "invalid_grant"


@pytest.mark.parametrize(
    ("changes", "status", "error"),
    [
        ({"code_verifier": "x" * 43}, 403, "invalid_grant"),
        ({"code_verifier": ""}, 400, "invalid_request"),
        ({"redirect_uri": "http://localhost:8000/other/"}, 400, "invalid_request"),
        ({"client_secret": "wrong"}, 401, "invalid_client"),
        ({"client_id": "nobody"}, 401, "invalid_client"),
        ({"grant_type": ""}, 400, "invalid_request"),
        ({"grant_type": "password"}, 403, "unsupported_grant_type"),
        ({"grant_type": "client_credentials"}, 403, "unauthorized_client"),
    ],
)
def test_a_code_is_bound_to_verifier_redirect_and_client(
    tenant_server: LocalTenant,
    browser: Browser,
    changes: dict[str, str],
    status: int,
    error: str,
) -> None:
    attempt = Attempt(tenant_server)
    code = callback(browser.sign_in(browser.get(attempt.url()), SUBS["auditor"]))["code"]
    answer = attempt.redeem(code, **changes)
    assert (answer.status_code, answer.json()["error"]) == (status, error)
    assert answer.headers["cache-control"] == "no-store"


def test_the_token_endpoint_takes_json_and_basic_as_well(
    tenant_server: LocalTenant, browser: Browser
) -> None:
    attempt = Attempt(tenant_server)
    code = callback(browser.sign_in(browser.get(attempt.url()), SUBS["auditor"]))["code"]
    answer = httpx.post(
        f"{tenant_server.url}/oauth/token",
        auth=("ata-web", tenant_server.secrets.web),
        json={
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": attempt.redirect_uri,
            "code_verifier": attempt.verifier,
        },
    )
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("application/json")


@pytest.mark.parametrize(
    "redirect_uri",
    [
        "http://localhost:8000/oidc/callback",
        "http://localhost:8000/oidc/callback/?x=1",
        "http://localhost:8001/oidc/callback/",
        "http://evil.example/oidc/callback/",
    ],
)
def test_a_redirect_that_is_not_registered_exactly_is_shown_and_never_followed(
    tenant_server: LocalTenant, browser: Browser, redirect_uri: str
) -> None:
    answer = browser.get(Attempt(tenant_server, redirect_uri=redirect_uri).url())
    assert answer.status_code == 400
    assert "Callback URL mismatch" in answer.text


def test_an_unknown_client_is_shown_an_error_page(
    tenant_server: LocalTenant, browser: Browser
) -> None:
    answer = browser.get(Attempt(tenant_server, client_id="nobody").url())
    assert answer.status_code == 400
    assert "Unknown client: nobody" in answer.text


@pytest.mark.parametrize(
    ("extra", "error"),
    [
        ({"response_type": "token"}, "unauthorized_client"),
        ({"response_type": "nonsense"}, "unsupported_response_type"),
        ({"audience": "https://nowhere.example/"}, "access_denied"),
        ({"prompt": "none"}, "login_required"),
        ({"max_age": "soon"}, "invalid_request"),
    ],
)
def test_other_problems_go_back_to_the_client_with_its_state(
    tenant_server: LocalTenant, browser: Browser, extra: dict[str, str], error: str
) -> None:
    back = callback(browser.get(Attempt(tenant_server, extra=extra).url()))
    assert back["error"] == error
    assert back["error_description"]
    assert back["state"] == "st-1"


def test_a_running_session_signs_in_silently_without_amr(
    tenant_server: LocalTenant, browser: Browser
) -> None:
    first = claims_of(tenant_server, sign_in(browser, Attempt(tenant_server))["id_token"])
    silent = Attempt(tenant_server, extra={"prompt": "none"})
    tokens = silent.redeem(callback(browser.get(silent.url()))["code"]).json()
    second = claims_of(tenant_server, tokens["id_token"])
    assert second["sid"] == first["sid"]
    assert "amr" not in second


def test_prompt_login_asks_again_and_keeps_the_session(
    tenant_server: LocalTenant, browser: Browser
) -> None:
    first = claims_of(tenant_server, sign_in(browser, Attempt(tenant_server))["id_token"])
    again = Attempt(tenant_server, extra={"prompt": "login"})
    page = browser.get(again.url())
    assert page.status_code == 200
    assert "Pick an account" in page.text
    tokens = again.redeem(callback(browser.sign_in(page, SUBS["operator"]))["code"]).json()
    assert claims_of(tenant_server, tokens["id_token"])["sid"] == first["sid"]


def test_max_age_is_enforced_and_puts_auth_time_in_the_id_token(
    tenant_server: LocalTenant, browser: Browser
) -> None:
    sign_in(browser, Attempt(tenant_server))
    recent = Attempt(tenant_server, extra={"max_age": "600"})
    tokens = recent.redeem(callback(browser.get(recent.url()))["code"]).json()
    first = claims_of(tenant_server, tokens["id_token"])
    assert first["auth_time"] <= first["iat"]
    tenant_server.advance(601)
    stale = Attempt(tenant_server, extra={"max_age": "600"})
    page = browser.get(stale.url())
    assert "Pick an account" in page.text
    tokens = stale.redeem(callback(browser.sign_in(page, SUBS["operator"]))["code"]).json()
    second = claims_of(tenant_server, tokens["id_token"])
    assert second["auth_time"] >= first["auth_time"] + 601


def test_asking_for_a_second_factor_asks_the_person_and_says_so_in_amr_and_acr(
    tenant_server: LocalTenant, browser: Browser
) -> None:
    sign_in(browser, Attempt(tenant_server), mfa=False)
    silent = Attempt(tenant_server, extra={"prompt": "none", "acr_values": MFA})
    assert callback(browser.get(silent.url()))["error"] == "mfa_required"
    began = int(time.time())
    stepping_up = Attempt(tenant_server, extra={"acr_values": MFA, "max_age": "0"})
    tokens = sign_in(browser, stepping_up)
    claims = claims_of(tenant_server, tokens["id_token"])
    assert claims["amr"] == ["mfa"]
    assert claims["acr"] == MFA
    assert claims["auth_time"] >= began


def test_refusing_the_second_factor_is_told_to_the_client(
    tenant_server: LocalTenant, browser: Browser
) -> None:
    attempt = Attempt(tenant_server, extra={"acr_values": MFA})
    answer = browser.sign_in(browser.get(attempt.url()), SUBS["operator"], mfa=False)
    assert callback(answer)["error"] == "access_denied"


def test_login_hint_puts_that_account_first(tenant_server: LocalTenant, browser: Browser) -> None:
    extra = {"login_hint": "admin2@acme.example"}
    page = browser.get(Attempt(tenant_server, extra=extra).url())
    assert "Continue as Anya Admin" in page.text


def test_a_forged_or_old_sign_in_state_is_refused(
    tenant_server: LocalTenant, browser: Browser
) -> None:
    for address in ("/u/login?state=forged", "/authorize/resume?state=forged"):
        answer = browser.get(address)
        assert answer.status_code == 400
        assert "Start again from the app" in answer.text


def test_signing_in_needs_the_pages_own_form(tenant_server: LocalTenant, browser: Browser) -> None:
    answer = browser.http.post("/u/login", data={"sub": SUBS["admin"]})
    assert answer.status_code == 403


def test_userinfo_answers_by_scope_and_refuses_other_tokens(
    tenant_server: LocalTenant, browser: Browser
) -> None:
    def ask(token: str) -> httpx.Response:
        headers = {"Authorization": f"Bearer {token}"}
        return httpx.get(f"{tenant_server.url}/userinfo", headers=headers)

    opaque = sign_in(browser, Attempt(tenant_server, scope="openid email"))
    assert opaque["access_token"].count(".") == 0
    answer = ask(opaque["access_token"]).json()
    assert answer["sub"] == SUBS["operator"]
    assert answer["email"] == "operator@acme.example"
    assert "name" not in answer
    for token in (opaque["id_token"], "nonsense"):
        refused = ask(token)
        assert refused.status_code == 401
        assert "invalid_token" in refused.headers["www-authenticate"]
