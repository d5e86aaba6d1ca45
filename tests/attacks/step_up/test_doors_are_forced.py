"""From outside: other sites, stolen sessions, evidence used as a key, one key for two calls."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.test import Client

from accounts.models import SignedInSession
from approvals.cancel_resend_confirm_denial import cancel
from approvals.models import Approval
from audit.recording.actors import Actor
from tests.accounts.trail import events
from tests.approvals.asking import HALL, ask, code_of, fresh
from tests.approvals.lamps import Lamps
from tests.approvals.people_of import acting
from tests.attacks.step_up.attempts import bearer, call
from tests.attacks.step_up.conftest import Work
from tests.attacks.step_up.provider import PhoneProvider
from tests.attacks.step_up.trail import approve, assert_nothing_committed, committed, refused
from tests.audit.browsing import browser_of

EVIL = "https://evil.example"
BODY = {
    "verb": "lamp.allow",
    "target": {"kind": "lamp", "name": "hall"},
    "severity": "CRITICAL",
}


def approved(provider: PhoneProvider, olu: Actor, work: Work) -> dict[str, Any]:
    """What the provider answered to an approval."""
    approval = ask(olu)
    work()
    approve(provider, approval)
    work()
    assert fresh(approval).outcome == "approved"
    return provider.given[-1]


@pytest.mark.parametrize("kind", ["access_token", "id_token"])
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("get", "/v1/whoami"),
        ("post", "/v1/decisions"),
        ("get", "/v1/approvals"),
        ("get", "/v1/auth/token?connection=github"),
        ("post", "/v1/session"),
        ("post", "/v1/audit/events"),
        ("post", "/v1/audit/exports"),
    ],
)
def test_what_proves_an_approval_opens_no_door(
    lamps: Lamps,
    provider: PhoneProvider,
    olu: Actor,
    oona: Actor,
    work: Work,
    method: str,
    path: str,
    kind: str,
) -> None:
    """Evidence is kept for years; whoever reads it must not be able to act with it."""
    token = approved(provider, olu, work)[kind]
    before = events()
    for _ in range(3):
        answer = call(method, path, token, BODY if method == "post" else None)
        assert (answer.status_code, answer.json()["code"]) == (401, "token_refused")
    [said] = events("access.refused")
    assert events() == [*before, said], "nothing is said to have been done"
    assert (said["outcome"], said["data"]["reason"]) == ("denied", "audience")
    assert refused() == [("", f"{method.upper()} {path.partition('?')[0]}", "token_refused")]
    assert token not in json.dumps(said) and token.split(".")[1] not in json.dumps(said)
    assert committed() == ["lamp.blocked"]


def test_no_call_of_the_api_approves(
    lamps: Lamps, provider: PhoneProvider, olu: Actor, oona: Actor, work: Work
) -> None:
    approval = ask(olu)
    work()
    base, token = f"/v1/approvals/{approval.pk}", bearer(provider, oona)
    for method in ("post", "put", "patch", "delete"):
        for path in (base, f"{base}/approve", f"{base}/answer", f"{base}/deny", f"{base}/passkey"):
            body = {"answer": "approved", "outcome": "approved", "decision": "approve"}
            assert call(method, path, token, body).status_code in {404, 405}
    assert fresh(approval).status == "pending"
    assert_nothing_committed(lamps)


@pytest.mark.parametrize(
    "extra",
    [
        {"approver": "self"},
        {"approval_id": "01a20fa4-840b-7f9e-b317-7904b832c5da"},
        {"status": "approved"},
        {"actor": {"sub": "auth0|somebody-else"}},
        {"folded": "x"},
        {"via": "task"},
        {"intent_hash": "0" * 64},
        {"severity": "NONE"},
        {"target": {"kind": "lamp", "name": "hall", "owner": "me"}},
    ],
    ids=lambda extra: next(iter(extra)),
)
def test_a_body_cannot_say_who_approves_or_that_it_was_approved(
    lamps: Lamps,
    provider: PhoneProvider,
    olu: Actor,
    oona: Actor,
    work: Work,
    extra: dict[str, Any],
) -> None:
    approval = ask(olu)
    answer = call("post", "/v1/decisions", bearer(provider, olu), BODY | extra)
    assert answer.status_code == 422, answer.content
    assert list(Approval.objects.all()) == [approval]
    assert refused() == [(olu.sub, "POST /v1/decisions", answer.json()["code"])]
    assert_nothing_committed(lamps)


def test_a_key_for_one_call_is_not_one_for_another(
    lamps: Lamps, provider: PhoneProvider, olu: Actor, oona: Actor, work: Work
) -> None:
    token, key = bearer(provider, olu), {"Idempotency-Key": "one-key"}
    first = call("post", "/v1/decisions", token, BODY, **key)
    assert first.status_code == 202
    other = BODY | {"target": {"kind": "lamp", "name": "kitchen"}}
    for changed in (other, BODY | {"severity": "LOW"}, BODY | {"verb": "lamp.hold"}):
        answer = call("post", "/v1/decisions", token, changed, **key)
        assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_mismatch")
    assert refused() == [(olu.sub, "POST /v1/decisions", "idempotency_mismatch")]
    again = call("post", "/v1/decisions", token, BODY, **key)
    assert (again.status_code, again.json()) == (202, first.json())
    assert Approval.objects.count() == 1
    assert len(events("approval.requested")) == 1
    stranger = call("post", "/v1/decisions", bearer(provider, oona), BODY, **key)
    assert stranger.json()["approval_id"] != first.json()["approval_id"]


def test_a_session_cookie_is_no_key_to_the_api(
    lamps: Lamps, provider: PhoneProvider, olu: Actor, oona: Actor, work: Work
) -> None:
    """Another site can make a browser send cookies, and so must not decide over the API."""
    approval = ask(olu)
    browser = browser_of(olu)
    for body in (BODY, BODY | {"verb": "lamp.hold"}):
        answer = browser.post(
            "/v1/decisions", body, content_type="application/json", headers={"Origin": EVIL}
        )
        assert answer.status_code == 401
    withdrawn = browser.post(f"/v1/approvals/{approval.pk}/cancel", headers={"Origin": EVIL})
    assert withdrawn.status_code == 401
    assert refused() == [
        (olu.sub, "POST /v1/decisions", "token_missing"),
        (olu.sub, "POST /v1/approvals/<approval_id>/cancel", "token_missing"),
    ]
    assert {e["actor"]["sub"] for e in events("access.refused")} == {""}, "nobody is proven"
    assert fresh(approval).status == "pending"
    assert_nothing_committed(lamps)


FORMS = ("cancel", "again", "passkey", "denied")


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("origin", [EVIL, "null", ""])
def test_a_form_of_another_site_does_nothing_to_a_request(
    lamps: Lamps,
    provider: PhoneProvider,
    olu: Actor,
    oona: Actor,
    work: Work,
    form: str,
    origin: str,
) -> None:
    approval = ask(olu)
    work()
    for person in (olu, oona):
        browser = browser_of(person, csrf=True)
        headers = {"Origin": origin, "Referer": f"{origin}/"} if origin else {}
        answer = browser.post(
            f"/approvals/{approval.pk}/{form}/", {"decision": "approve"}, headers=headers
        )
        assert answer.status_code == 403
    assert (fresh(approval).status, lamps.held) == ("pending", ["hall"])
    assert len(provider.pushes) == 1
    assert [e["action"] for e in events()][:2] == ["lamp.held", "approval.requested"]
    address = f"POST /approvals/<approval_id>/{form}/"
    assert refused() == [(olu.sub, address, "csrf"), (oona.sub, address, "csrf")]
    assert {e["actor"]["sub"] for e in events("access.refused")} == {""}, "nobody is proven"


@pytest.mark.parametrize("form", FORMS)
def test_no_link_or_picture_does_anything_to_a_request(
    lamps: Lamps, provider: PhoneProvider, olu: Actor, oona: Actor, work: Work, form: str
) -> None:
    """What a browser loads without asking anybody is a GET."""
    approval = ask(olu)
    for person in (olu, oona):
        answer = browser_of(person).get(
            f"/approvals/{approval.pk}/{form}/?decision=approve&confirm=1"
        )
        assert answer.status_code in {200, 405}
    assert fresh(approval).status == "pending"
    assert len(events()) == 2


def test_no_page_of_a_request_can_be_framed(
    lamps: Lamps, provider: PhoneProvider, olu: Actor, oona: Actor
) -> None:
    """Clickjacking: a page below somebody else's picture of a cat."""
    approval = ask(olu)
    for path in (f"/approvals/{approval.pk}/", f"/approvals/{approval.pk}/cancel/", "/approvals/"):
        page = browser_of(olu).get(path)
        assert page["X-Frame-Options"] == "DENY"
        assert "frame-ancestors 'none'" in page["Content-Security-Policy"]
    assert approval.pk


def test_a_stolen_session_is_worth_nothing_once_its_owner_ended_it(
    lamps: Lamps, provider: PhoneProvider, olu: Actor, oona: Actor, work: Work
) -> None:
    approval = ask(olu)
    stolen, own = browser_of(olu), browser_of(olu)
    assert stolen.get(f"/approvals/{approval.pk}/").status_code == 200
    assert own.post("/account/sessions/end-others/").status_code == 302
    assert SignedInSession.objects.count() == 1
    for path in ("cancel", "again"):
        answer = stolen.post(f"/approvals/{approval.pk}/{path}/")
        assert answer.status_code == 302 and "/oidc/authenticate/" in answer["Location"]
    assert fresh(approval).status == "pending"
    [ended] = events("session.revoked")
    assert ended["actor"]["sub"] == olu.sub


def test_a_session_whose_cookie_was_copied_into_another_browser_does_not_outlive_a_sign_out(
    lamps: Lamps, provider: PhoneProvider, olu: Actor, oona: Actor
) -> None:
    approval = ask(olu)
    browser = browser_of(olu)
    copy = Client()
    copy.cookies.update(browser.cookies)
    assert copy.get(f"/approvals/{approval.pk}/").status_code == 200
    browser.post("/oidc/logout/")
    assert copy.post(f"/approvals/{approval.pk}/cancel/").status_code == 302
    assert fresh(approval).status == "pending"
    assert len(events("operator.signed_out")) == 1


def test_an_expired_or_bent_access_token_decides_nothing(
    lamps: Lamps, provider: PhoneProvider, olu: Actor, oona: Actor
) -> None:
    ask(olu)
    token = bearer(provider, olu)
    head, body, signature = token.split(".")
    for bent in (f"{head}.{body}.", f"{head}.{body}.{signature[:-4]}AAAA", f"{head}..{signature}"):
        assert call("post", "/v1/decisions", bent, BODY).status_code == 401
    assert {e["data"]["reason"] for e in events("access.refused")} <= {"malformed", "signature"}
    assert set(refused()) == {("", "POST /v1/decisions", "token_refused")}
    assert Approval.objects.count() == 1


def test_a_reported_event_is_never_an_answer(
    lamps: Lamps, provider: PhoneProvider, olu: Actor, oona: Actor, work: Work
) -> None:
    """Whoever may report events claims that the asked person approved."""
    approval = ask(olu)
    work()
    claim = {
        "action": "approval.approved",
        "actor": {"iss": oona.iss, "sub": oona.sub},
        "target": {"kind": "lamp", "name": "hall"},
        "data": {"approval": str(approval.pk), "intent_hash": approval.intent_hash},
    }
    answer = call("post", "/v1/audit/events", bearer(provider, olu), claim)
    assert (answer.status_code, answer.json()["code"]) == (403, "not_permitted")
    assert refused() == [(olu.sub, "POST /v1/audit/events", "not_permitted")]
    work(2)
    assert fresh(approval).status == "pending"
    assert not events("approval.approved")
    assert_nothing_committed(lamps)


def test_a_stranger_sees_no_request_and_guesses_no_code(
    lamps: Lamps, provider: PhoneProvider, olu: Actor, oona: Actor, work: Work
) -> None:
    approval = ask(olu)
    work()
    mallory = acting("member1")
    page = browser_of(mallory).get(f"/approvals/{approval.pk}/")
    assert page.status_code == 404 and code_of(approval) not in page.content.decode()
    answer = call("get", f"/v1/approvals/{approval.pk}", bearer(provider, mallory))
    assert answer.status_code == 404
    with pytest.raises(Approval.DoesNotExist):
        cancel(mallory, str(approval.pk))
    assert HALL.name not in json.dumps(answer.json())
    assert refused() == [
        (mallory.sub, "GET /approvals/<approval_id>/", "not_yours"),
        (mallory.sub, "GET /v1/approvals/<approval_id>", "not_yours"),
    ]
    assert django_settings.ENV.issuer == provider.issuer
