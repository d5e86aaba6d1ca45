"""The pages: one click per account, the band on every page, walking through the roles."""

from __future__ import annotations

from urllib.parse import urlencode

import httpx
import pytest

from tests.support.sign_in import SUBS, Attempt, callback, claims_of, sign_in
from tests.support.tenant import Browser, LocalTenant

NAMES = (
    "Ada Auditor", "Olu Operator", "Oona Operator", "Amir Admin", "Anya Admin", "Mia Member",
    "Milo Member",
)  # fmt: skip


def test_the_sign_in_page_offers_all_seven_accounts_by_role(
    tenant_server: LocalTenant, browser: Browser
) -> None:
    page = browser.get(Attempt(tenant_server).url())
    assert "Sign in to Auth0-ATA" in page.text
    for name in NAMES:
        assert page.text.count(f"<b>{name}</b>") == 1
    for role in ("Auditor", "Operator", "Admin", "Member"):
        assert f">{role}</h2>" in page.text
    assert 'type="password"' not in page.text


@pytest.mark.parametrize("address", ["/", "/u/login", "/switch", "/activate", "/oidc/logout"])
def test_every_page_says_local_tenant_and_needs_no_script(browser: Browser, address: str) -> None:
    page = browser.get(address)
    assert page.status_code == 200
    assert "LOCAL TENANT" in page.text
    assert "<script" not in page.text
    assert "style=" not in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert page.headers["x-frame-options"] == "DENY"


def test_the_style_sheet_is_served_by_the_tenant_itself(browser: Browser) -> None:
    sheet = browser.get("/static/tenant/tenant.css")
    assert sheet.status_code == 200
    assert sheet.headers["content-type"].startswith("text/css")
    assert "http" not in sheet.text


def test_cookies_do_not_collide_with_the_portals(browser: Browser) -> None:
    browser.sign_in(browser.get("/u/login"), SUBS["auditor"])
    assert set(browser.http.cookies) == {"tenant_session", "tenant_csrf"}


def test_switching_makes_the_portal_sign_in_as_the_other_person_without_asking(
    tenant_server: LocalTenant, browser: Browser
) -> None:
    first = claims_of(tenant_server, sign_in(browser, Attempt(tenant_server))["id_token"])
    return_to = "http://localhost:8000/oidc/authenticate/?next=/audit/"
    page = browser.get(f"/switch?{urlencode({'return_to': return_to})}")
    answer = browser.submit(page, sub=SUBS["auditor"])
    assert answer.headers["location"] == return_to
    silent = Attempt(tenant_server)
    back = callback(browser.get(silent.url()))
    second = claims_of(tenant_server, silent.redeem(back["code"]).json()["id_token"])
    assert second["sub"] == SUBS["auditor"]
    assert second["sid"] != first["sid"]
    assert second["https://ata.example/roles"] == ["auditor"]


@pytest.mark.parametrize(
    "return_to",
    ["http://evil.example/", "//evil.example/", "http://localhost:8001/", "javascript:alert(1)"],
)
def test_switching_returns_to_the_portal_only(browser: Browser, return_to: str) -> None:
    answer = browser.get(f"/switch?{urlencode({'return_to': return_to})}")
    assert answer.status_code == 400
    assert "must be an address of the portal" in answer.text


def test_opening_the_switcher_changes_nothing(tenant_server: LocalTenant, browser: Browser) -> None:
    sign_in(browser, Attempt(tenant_server), "operator")
    browser.get(f"/switch?{urlencode({'sub': SUBS['admin']})}")
    assert browser.http.post("/switch", data={"sub": SUBS["admin"]}).status_code == 403
    assert "Signed in as <strong>Olu Operator</strong>" in browser.get("/").text


def test_a_member_has_no_role_and_no_permission(
    tenant_server: LocalTenant, browser: Browser
) -> None:
    attempt = Attempt(
        tenant_server,
        scope="openid read:events write:events",
        extra={"audience": "https://ata.local/api"},
    )
    claims = claims_of(tenant_server, sign_in(browser, attempt, "member1")["access_token"])
    assert claims["https://ata.example/roles"] == []
    assert claims["permissions"] == []
    assert claims["scope"] == "openid"


def test_seeding_again_changes_nothing_and_keeps_sessions(
    tenant_server: LocalTenant, browser: Browser
) -> None:
    sign_in(browser, Attempt(tenant_server), "operator")
    said = tenant_server.run("seed")
    assert "7 accounts" in said
    assert "4 APIs" in said
    assert tenant_server.run("seed") == said
    silent = Attempt(tenant_server, extra={"prompt": "none"})
    assert "code" in callback(browser.get(silent.url()))


def test_an_account_nobody_has_is_refused(browser: Browser) -> None:
    answer = browser.submit(browser.get("/u/login"), sub="auth0|nobody")
    assert answer.status_code == 400
    assert "no such account" in answer.text


def test_the_clock_is_out_of_reach_unless_asked_for(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    tenant = LocalTenant(tmp_path_factory.mktemp("plain"), extra_env={"TENANT_CONTROL": "0"})
    try:
        tenant.start()
        answer = httpx.post(f"{tenant.url}/__control/clock", json={"advance": 5})
    finally:
        tenant.stop()
    assert answer.status_code == 404
