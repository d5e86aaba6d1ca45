"""The same client, unmodified, against the local tenant in its own process."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from auth0_client import TokenRefused, userinfo
from auth0_client.grants.ciba import Approved, Refused
from auth0_client.grants.device import Denied, Granted
from auth0_client.grants.pkce_state_nonce import Pkce
from auth0_client.grants.poll_results import Lost, Pending, SlowDown
from auth0_client.my_account import SCOPES
from auth0_client.token_vault import NotLinked, SubjectExpired
from tests.auth0_client.town import API, PORTAL, Town
from tests.support.sign_in import SUBS
from tests.support.tenant import Browser
from tests.tenant.actors import DETAILS, Phone


def test_discovery_and_keys_are_read(town: Town) -> None:
    document = town.auth0.discovery.document()
    assert document.issuer == town.tenant.issuer
    assert document.backchannel_authentication_endpoint == f"{town.tenant.issuer}bc-authorize"
    assert town.auth0.keys.snapshot().keys


def test_a_sign_in_yields_a_verified_person(town: Town) -> None:
    tokens, nonce = town.sign_in("operator")
    assert tokens.id_token
    claims = town.auth0.verify_id_token(
        tokens.id_token, nonce=nonce, access_token=tokens.access_token
    )
    assert claims.subject == SUBS["operator"]
    assert claims.roles == ("operator",)
    assert claims.sid
    with pytest.raises(TokenRefused):
        town.auth0.verify_id_token(tokens.id_token, nonce="another")
    info = userinfo.fetch(town.auth0.discovery, town.outbound, tokens.access_token)
    assert (info.subject, info.email) == (SUBS["operator"], "operator@acme.example")


def test_an_api_token_is_accepted_for_its_client_only(town: Town) -> None:
    tokens, _ = town.sign_in("operator", audience=API, scope="openid write:events")
    claims = town.auth0.verify_access_token(tokens.access_token, allowed_azp={"ata-web"})
    assert (claims.subject, claims.roles) == (SUBS["operator"], ("operator",))
    assert claims.permissions == {"write:events"}
    with pytest.raises(TokenRefused):
        town.auth0.verify_access_token(tokens.access_token, allowed_azp={"ata-cli"})


def test_an_approval_on_the_phone_is_a_signed_answer_to_the_question(
    town: Town, browser: Browser
) -> None:
    phone = Phone(browser, "operator")
    phone.pick_up()
    request_id, asked_at = town.ask()
    assert town.auth0.ciba.poll(request_id) == Pending(5)
    assert isinstance(town.auth0.ciba.poll(request_id), SlowDown)
    phone.approve()
    town.advance(30)
    answer = town.auth0.ciba.poll(request_id)
    assert isinstance(answer, Approved)
    claims = town.auth0.verify_approval_token(
        answer.tokens.access_token, expected_sub=SUBS["operator"], issued_after=asked_at
    )
    assert claims.authorization_details[0] == DETAILS[0]
    assert answer.tokens.id_token
    assert town.auth0.verify_id_token(answer.tokens.id_token, nonce=None).subject
    with pytest.raises(TokenRefused) as refused:
        town.auth0.verify_approval_token(
            answer.tokens.access_token, expected_sub=SUBS["admin"], issued_after=asked_at
        )
    assert refused.value.code == "subject"
    town.advance(30)
    assert isinstance(town.auth0.ciba.poll(request_id), Lost)


def test_a_denial_on_the_phone_is_a_refusal(town: Town, browser: Browser) -> None:
    phone = Phone(browser, "operator")
    phone.pick_up()
    request_id, _ = town.ask()
    phone.deny("not me")
    town.advance(6)
    assert isinstance(town.auth0.ciba.poll(request_id), Refused)


def test_an_unanswered_question_ends_in_the_same_refusal(town: Town) -> None:
    request_id, _ = town.ask()
    town.advance(301)
    assert isinstance(town.auth0.ciba.poll(request_id), Refused)


def activate(browser: Browser, uri: str, who: str) -> httpx.Response:
    page = browser.get(uri)
    return browser.sign_in(page, SUBS[who])


def test_a_device_sign_in_waits_for_the_person(town: Town, browser: Browser) -> None:
    started = town.auth0.device.start(scope="openid offline_access", audience=API)
    assert town.auth0.device.poll(started.device_code) == Pending(5)
    assert isinstance(town.auth0.device.poll(started.device_code), SlowDown)
    assert started.verification_uri_complete
    page = activate(browser, started.verification_uri_complete, "operator")
    confirmed = browser.submit(page, action="confirm")
    assert confirmed.status_code == 200
    town.advance(30)
    granted = town.auth0.device.poll(started.device_code)
    assert isinstance(granted, Granted)
    claims = town.auth0.verify_access_token(granted.tokens.access_token, allowed_azp={"ata-cli"})
    assert claims.subject == SUBS["operator"]
    town.advance(30)
    assert isinstance(town.auth0.device.poll(started.device_code), Lost)


def test_a_device_sign_in_can_be_refused(town: Town, browser: Browser) -> None:
    started = town.auth0.device.start(scope="openid", audience=API)
    assert started.verification_uri_complete
    page = activate(browser, started.verification_uri_complete, "operator")
    browser.submit(page, action="deny")
    assert isinstance(town.auth0.device.poll(started.device_code), Denied)


def my_account_token(town: Town, who: str) -> str:
    audience = town.auth0.tenant.my_account_audience
    tokens, _ = town.sign_in(who, audience=audience, scope=f"openid {' '.join(SCOPES)}")
    granted = town.auth0.verify_my_account_token(tokens.access_token, expected_sub=SUBS[who])
    assert set(SCOPES) <= granted
    return tokens.access_token


def test_an_account_is_connected_exchanged_and_deleted(town: Town, browser: Browser) -> None:
    vault, mine = town.auth0.vault, town.auth0.my_account
    caller, _ = town.sign_in("member2", audience=API, scope="openid")
    for account in mine.accounts(token := my_account_token(town, "member2")):
        assert mine.delete(token, account.id)
    with pytest.raises(NotLinked):
        vault.exchange_access_token(caller.access_token, "github")

    pkce, back = Pkce.create(), f"{PORTAL}/oidc/callback/"
    started = mine.connect(
        token, "github", redirect_uri=back, state="s-1", code_challenge=pkce.challenge,
        scopes=["repo", "read:org"],
    )  # fmt: skip
    account = mine.complete(
        token,
        auth_session=started.auth_session,
        connect_code=walk_through(browser, started.url, "member2"),
        redirect_uri=back,
        code_verifier=pkce.verifier,
    )
    assert account.connection == "github"
    assert [listed.id for listed in mine.accounts(token)] == [account.id]

    given = vault.exchange_access_token(caller.access_token, "github")
    assert given.scope >= {"repo", "read:org"}
    assert (given.expires_in or 0) > 0
    managed = town.auth0.management.connected_accounts(SUBS["member2"])
    assert [listed.id for listed in managed] == [account.id]
    seta = town.auth0.management.search_logs('type:"seta"').entries[0]
    details = seta["details"]
    assert isinstance(details, dict)
    assert details["token_thumbprint"] == given.thumbprint
    assert mine.delete(token, account.id) is True
    assert mine.delete(token, account.id) is False
    with pytest.raises(NotLinked):
        vault.exchange_access_token(caller.access_token, "github")


def walk_through(browser: Browser, url: str, who: str) -> str:
    """Click through sign-in and consent until the browser is sent back with a connect code."""
    page = browser.get(url)
    for _ in range(6):
        if page.is_redirect:
            return parse_qs(urlsplit(page.headers["location"]).query)["connect_code"][0]
        if 'name="sub"' in page.text:
            page = browser.sign_in(page, SUBS[who])
        else:
            page = browser.submit(page, other="milo", answer="allow")
    raise AssertionError(page.text[:800])


def test_an_expired_caller_is_told_to_sign_in_again(town: Town) -> None:
    with pytest.raises(SubjectExpired):
        town.auth0.vault.exchange_access_token("not-a-token", "github")
