"""Asking a person over the back channel: starting, polling, the one answer."""

from __future__ import annotations

import base64
import json
from typing import Any

import httpx
import pytest

from tests.support.tenant import Browser, LocalTenant
from tests.tenant.actors import APPROVALS, DETAILS, INTENT_TYPE, SUBS, Asker, Phone


@pytest.fixture
def asker(tenant_server: LocalTenant) -> Asker:
    """The application, at a time when nothing is open and nobody was notified lately."""
    tenant_server.advance(400)
    return Asker(tenant_server)


@pytest.fixture
def phone(browser: Browser) -> Phone:
    """The operator's phone, picked up."""
    phone = Phone(browser, "operator")
    phone.pick_up()
    return phone


def claims(token: str) -> dict[str, Any]:
    body = token.split(".")[1]
    return dict(json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4))))


def refusal(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]


def test_a_started_request_answers_with_its_id_lifetime_and_interval(asker: Asker) -> None:
    answer = asker.start()
    assert answer.status_code == 200
    body = answer.json()
    assert len(body.pop("auth_req_id")) >= 32
    assert body == {"expires_in": 300, "interval": 5}
    assert answer.headers["Cache-Control"] == "no-store"


HINT = '{"format": "iss_sub", "iss": "%s", "sub": "%s"}'


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"binding_message": None}, "invalid_request", "binding_message is required"),
        ({"binding_message": "x" * 65}, "invalid_request", "64"),
        ({"binding_message": "don't"}, "invalid_request", "alphanumerics"),
        ({"binding_message": "42\n17"}, "invalid_request", "alphanumerics"),
        ({"scope": "profile"}, "invalid_scope", "openid scope must be requested"),
        ({"scope": None}, "invalid_scope", "openid scope must be requested"),
        ({"login_hint": None}, "invalid_request", "login_hint is required"),
        ({"login_hint": "operator@acme.example"}, "invalid_request", "JSON object"),
        ({"login_hint": '{"format":"email"}'}, "invalid_request", "iss_sub"),
        ({"login_hint": HINT % ("https://other/", SUBS["operator"])}, "invalid_request", '"iss"'),
        ({"requested_expiry": "0"}, "invalid_request", "259200"),
        ({"requested_expiry": "259201"}, "invalid_request", "259200"),
        ({"requested_expiry": "5m"}, "invalid_request", "whole number"),
        ({"audience": None}, "invalid_request", "audience"),
        ({"authorization_details": "{}"}, "invalid_authorization_details", "array"),
        ({"authorization_details": "[]"}, "invalid_authorization_details", "non-empty"),
        ({"authorization_details": "nope"}, "invalid_authorization_details", "JSON"),
        (
            {"authorization_details": '[{"type":"wire_out"}]'},
            "invalid_authorization_details",
            "not registered",
        ),
    ],
)
def test_a_malformed_start_is_refused_by_the_name_of_what_is_wrong(
    asker: Asker, changes: dict[str, str | None], error: str, words: str
) -> None:
    answer = asker.start(**changes)
    assert refusal(answer) == (400, error)
    assert words in answer.json()["error_description"]


@pytest.mark.parametrize("sub", ["operator", "auth0|", "auth0|a b"])
def test_a_subject_of_unsupported_form_gets_auth0s_own_words(asker: Asker, sub: str) -> None:
    hint = HINT % (asker.tenant.issuer, sub)
    answer = asker.start(login_hint=hint)
    assert answer.json() == {
        "error": "invalid_request",
        "error_description": (
            'login_hint parameter validation failed: "sub" contains unsupported format'
        ),
    }


def detail(**members: Any) -> str:
    return json.dumps([{"type": INTENT_TYPE, **members}])


FIVE_LEVELS = {"a": {"b": {"c": {"d": {"e": 1}}}}}
SIX_LEVELS = {"a": {"b": {"c": {"d": {"e": {"f": 1}}}}}}


@pytest.mark.parametrize(
    ("details", "words"),
    [
        (json.dumps([{"type": INTENT_TYPE}] * 6), "5 objects"),
        (detail(**{f"p{i}": 1 for i in range(10)}), "10 properties"),
        (detail(instruction="x" * 256), "255 characters"),
        (detail(**{"bad name": 1}), "not allowed"),
        (detail(**SIX_LEVELS), "5 levels"),
        (detail(a="x" * 250, b=["y" * 250] * 20), "5120 bytes"),
        (json.dumps([{"instruction": "no type"}]), "must have a type"),
    ],
)
def test_authorization_details_over_a_limit_are_refused(
    asker: Asker, details: str, words: str
) -> None:
    answer = asker.start(authorization_details=details)
    assert refusal(answer) == (400, "invalid_authorization_details")
    assert words in answer.json()["error_description"]


def test_authorization_details_at_the_limits_are_accepted(asker: Asker) -> None:
    fits = {**{f"p{i}": "v" for i in range(8)}, "instruction": "x" * 255}
    assert asker.start(authorization_details=detail(**fits)).status_code == 200
    assert asker.start(authorization_details=detail(**FIVE_LEVELS)).status_code == 200


def test_only_a_confidential_client_with_the_grant_and_its_secret_may_ask(asker: Asker) -> None:
    assert refusal(asker.start(client_secret="wrong")) == (401, "invalid_client")
    vault = asker.start(client_id="ata-vault", client_secret=asker.tenant.secrets.vault)
    assert refusal(vault) == (403, "unauthorized_client")
    public = asker.start(client_id="ata-cli", client_secret=None)
    assert refusal(public) == (403, "unauthorized_client")


def test_an_unanswered_request_is_pending_and_early_polls_wait_longer_each_time(
    asker: Asker,
) -> None:
    request = asker.ask()
    pending = asker.poll(request)
    assert pending.status_code == 400
    assert pending.json() == {
        "error": "authorization_pending",
        "error_description": "The end-user authorization is pending",
    }
    for wait in (10, 15):
        early = asker.poll(request)
        assert refusal(early) == (400, "slow_down")
        assert early.headers["Retry-After"] == str(wait)
        assert early.json()["interval"] == wait
        assert f"Try again in {wait} seconds." in early.json()["error_description"]
    asker.tenant.advance(16)
    assert refusal(asker.poll(request)) == (400, "authorization_pending")


def test_an_approval_gives_tokens_that_name_what_was_approved_exactly_once(
    asker: Asker, phone: Phone
) -> None:
    request = asker.ask()
    phone.approve()
    answer = asker.poll(request)
    assert answer.status_code == 200
    body = answer.json()
    assert body["authorization_details"] == DETAILS
    assert (body["token_type"], body["scope"], body["expires_in"]) == ("Bearer", "openid", 600)
    assert "refresh_token" not in body
    access = claims(body["access_token"])
    assert access["authorization_details"] == DETAILS
    assert access["sub"] == SUBS["operator"]
    assert access["azp"] == "ata-web"
    assert APPROVALS in access["aud"]
    assert claims(body["id_token"])["sub"] == SUBS["operator"]
    asker.tenant.advance(6)
    assert refusal(asker.poll(request)) == (401, "invalid_grant")


def test_denial_and_expiry_are_told_in_the_very_same_words(asker: Asker, phone: Phone) -> None:
    denied = asker.ask()
    phone.deny("not mine")
    expired = asker.ask()
    told_denied = asker.poll(denied)
    asker.tenant.advance(301)
    told_expired = asker.poll(expired)
    assert refusal(told_denied) == (400, "access_denied")
    assert told_denied.json() == told_expired.json()
    assert told_denied.status_code == told_expired.status_code


def test_a_late_answer_changes_nothing(asker: Asker, phone: Phone) -> None:
    request = asker.ask(requested_expiry="30")
    page = phone.browser.get(phone.path)
    asker.tenant.advance(31)
    late = phone.browser.submit(page)
    assert "Too late" in late.text
    assert refusal(asker.poll(request)) == (400, "access_denied")


def test_the_first_answer_stands(asker: Asker, phone: Phone) -> None:
    request = asker.ask()
    page = phone.browser.get(phone.path)
    phone.deny()
    assert "Too late" in phone.browser.submit(page).text
    assert refusal(asker.poll(request)) == (400, "access_denied")


def test_an_unknown_foreign_or_forgotten_request_is_an_invalid_grant(
    asker: Asker, phone: Phone
) -> None:
    assert refusal(asker.poll("made-up")) == (401, "invalid_grant")
    request = asker.ask(requested_expiry="10")
    asker.tenant.advance(3_700)
    assert refusal(asker.poll(request)) == (401, "invalid_grant")


def test_an_approval_given_in_time_outlives_the_expiry(asker: Asker, phone: Phone) -> None:
    request = asker.ask(requested_expiry="30")
    phone.approve()
    asker.tenant.advance(40)
    assert asker.poll(request).status_code == 200


def test_a_refresh_token_comes_only_with_offline_access(asker: Asker, phone: Phone) -> None:
    api = "https://ata.local/api"
    for scope, expected in (("openid", False), ("openid offline_access", True)):
        request = asker.ask(scope=scope, audience=api, authorization_details=None)
        phone.approve()
        assert ("refresh_token" in asker.poll(request).json()) is expected


def test_a_person_gets_at_most_five_notifications_a_minute(asker: Asker) -> None:
    for _ in range(5):
        asker.ask("operator2")
    sixth = asker.start("operator2")
    assert refusal(sixth) == (429, "too_many_requests")
    assert sixth.headers["Retry-After"] == "60"
    assert asker.start("operator").status_code == 200
    asker.tenant.advance(61)
    assert asker.start("operator2").status_code == 200


def test_the_log_tells_denied_from_approved_and_links_the_transaction(
    asker: Asker, phone: Phone
) -> None:
    denied = asker.ask()
    [consent] = phone.waiting()
    phone.deny("wrong code")
    asker.poll(denied)
    for code in ("ciba_start_succeeded", "gd_send_pn", "gd_auth_rejected", "ciba_exchange_failed"):
        assert asker.logged(code)[0]["transaction_linking_id"] == consent, code
    assert asker.logged("gd_auth_rejected")[0]["details"]["reason"] == "wrong code"
    assert asker.logged("ciba_start_succeeded")[0]["notification_channel"] == "guardian-push"
    approved = asker.ask()
    [consent] = phone.waiting()
    phone.approve()
    asker.poll(approved)
    for code in ("gd_auth_succeed", "ciba_exchange_succeeded"):
        assert asker.logged(code)[0]["transaction_linking_id"] == consent, code
    asker.start(binding_message="")
    assert asker.logged("ciba_start_failed")[0]["description"] == "binding_message is required"


def test_a_long_expiry_goes_by_e_mail_and_is_answered_from_its_link(
    asker: Asker, browser: Browser
) -> None:
    request = asker.ask(requested_expiry="301")
    assert asker.logged("ciba_start_succeeded")[0]["notification_channel"] == "email"
    consent = asker.logged("ciba_start_succeeded")[0]["transaction_linking_id"]
    link = f"/bc-verify?consent={consent}"
    question = browser.sign_in(browser.get(link), SUBS["operator"])
    assert "42-17-08" in question.text
    assert "Block skill pdf-exfil" in question.text
    answered = browser.submit(question, answer="approve")
    assert "Approved." in answered.text
    assert asker.poll(request).status_code == 200


def test_another_person_cannot_open_the_e_mail_link(asker: Asker, browser: Browser) -> None:
    asker.ask(requested_expiry="301")
    consent = asker.logged("ciba_start_succeeded")[0]["transaction_linking_id"]
    page = browser.sign_in(browser.get(f"/bc-verify?consent={consent}"), SUBS["member1"])
    assert page.status_code == 403
    assert "42-17-08" not in page.text


def test_the_authenticators_view_of_a_consent_is_for_the_person_asked(
    asker: Asker, phone: Phone
) -> None:
    asker.ask()
    [consent] = phone.waiting()
    stranger = httpx.get(f"{asker.tenant.url}/rich-consents/{consent}")
    assert stranger.status_code == 401
    body = phone.browser.get(f"/rich-consents/{consent}").json()
    assert body["id"] == consent
    assert body["expires_at"] - body["created_at"] == 300
    assert body["requested_details"] == {
        "audience": APPROVALS,
        "scope": ["openid"],
        "binding_message": "42-17-08",
        "authorization_details": DETAILS,
    }
