"""A fresh sign-in with a second factor: one table of decisions, held on every channel."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from accounts.models import SignedInSession
from approvals import clock, people_and_roles, policy, registry
from approvals.erasure import erase_and_legal_hold as erasing
from approvals.errors import Refused
from approvals.models import Approval, Passkey
from approvals.passkeys import enrol_and_revoke as passkeys
from approvals.pipeline.service import perform
from approvals.policy.policy_change import TARGET
from audit.evidence import storage
from audit.recording.actors import Actor, Target
from tests.accounts.trail import events
from tests.attacks.sign_in.provider import ROLES, SUB, Provider
from tests.attacks.sign_in.test_evidence_asks_for_a_fresh_token import FRESH, STALE
from tests.attacks.sign_in.test_hostile_bearer_tokens_open_no_api import good
from tests.attacks.sign_in.visiting import HOST
from tests.audit.browsing import browser_of
from tests.house.ways_in import ROUTES

SUBJECT = "a" * 64
TARGETS: dict[str, tuple[Target, dict[str, Any]]] = {
    "policy.change": (TARGET, {"document": {}, "base": "0" * 64}),
    "passkey.enrol": (Target(passkeys.APPROVER, "key-1"), {}),
    "passkey.revoke": (Target(passkeys.OWN, "key-1"), {}),
    "subject.erase": (Target(erasing.KIND, SUBJECT), {}),
    "legal_hold.place": (Target(erasing.KIND, SUBJECT), {"matter": "m-1"}),
    "legal_hold.lift": (Target(erasing.KIND, SUBJECT), {"matter": "m-1"}),
    "gateway.configure": (
        Target("gateway", "edge-1", "edge-1"),
        {"settings": {"guardrail": "on"}, "base": 0},
    ),
    "person.set_access_end": (Target("person", "auth0|oona"), {"last_day": "2199-01-01"}),
    "review.reassign": (
        Target("review", "0190a000-0000-7000-8000-000000000001"),
        {
            "person": {"iss": "https://acme.example/", "sub": "auth0|oona"},
            "reviewer": {"iss": "https://acme.example/", "sub": "auth0|anya"},
        },
    ),
}
"""The closed table: these decisions need it, where they are about others in the case of a key."""
WEB: dict[str, tuple[str, dict[str, str]]] = {
    "policy.change": ("/approvals/policy/propose/", {"document": "DOCUMENT"}),
    "passkey.enrol": ("/account/passkeys/new/", {}),
    "passkey.revoke": ("/account/passkeys/key-1/revoke/", {"reason": "lost"}),
    "gateway.configure": ("/enforcement/fleet/edge-1/baseline/", {"reason": "x"}),
    "person.set_access_end": (
        "/people/1/access-end/",
        {"last_day": "2199-01-01", "reason": "x"},
    ),
    "review.reassign": ("/people/1/offboard/", {"reason": "x"}),
    **{
        verb: (f"/audit/erasures/{SUBJECT}/decide/", {"verb": verb, "reason": "x", "matter": "m-1"})
        for verb in ("subject.erase", "legal_hold.place", "legal_hold.lift")
    },
}
ISS = "https://acme.example/"
ADMIN = Actor(iss=ISS, sub="auth0|amir", name="Amir", roles=frozenset({"admin"}))


def guarded() -> set[str]:
    """Verbs that have a rule of their own about a fresh sign-in."""
    usual = registry.Verb.__dataclass_fields__["needs_fresh_sign_in"].default
    return {n for n in registry.names() if registry.get(n).needs_fresh_sign_in is not usual}


def test_the_table_is_closed_and_every_verb_of_it_has_a_page() -> None:
    assert guarded() == set(TARGETS) == set(WEB)
    decided = " ".join(what for kind, what in ROUTES.values() if kind == "decides")
    assert all(verb in decided for verb in TARGETS)


@pytest.fixture
def stored_key(db: None, settings: Any, tmp_path: Path) -> None:
    """A passkey of another person."""
    settings.VAR_DIR = tmp_path
    storage._kept.cache_clear()
    Passkey.objects.create(
        handle="key-1",
        credential_id="credential-1",
        public_key=b"key",
        algorithm=-7,
        person=people_and_roles.note_person(
            iss=ISS, sub="auth0|oona", name="Oona", roles=["operator"]
        ),
        rp_id="localhost",
        name="Laptop",
        attestation="none",
        enrolled=clock.now(),
    )


def over_the_api(provider: Provider, verb: str, members: dict[str, Any]) -> Any:
    target, params = TARGETS[verb]
    forge = good(provider)
    forge.claims |= {ROLES: ["admin"], "sub": SUB} | members
    body = {
        "verb": verb,
        "target": {"kind": target.kind, "name": target.name},
        "reason": "x",
        "params": params,
    }
    return Client().post(
        "/v1/decisions",
        body,
        content_type="application/json",
        HTTP_HOST=HOST,
        HTTP_AUTHORIZATION=f"Bearer {forge.token()}",
    )


@pytest.mark.parametrize("what", STALE)
@pytest.mark.parametrize("verb", TARGETS)
def test_a_token_without_a_fresh_sign_in_decides_none_of_them(
    provider: Provider, stored_key: None, verb: str, what: str
) -> None:
    answer = over_the_api(provider, verb, STALE[what](int(time.time())))
    assert answer.status_code == 401, answer.content
    assert answer.json()["code"] == "fresh_sign_in_required" and answer.json()["max_age"] == 600
    assert 'error="insufficient_user_authentication"' in answer["WWW-Authenticate"]
    assert not Approval.objects.exists()
    assert {event["action"] for event in events()} == {"access.refused"}


@pytest.mark.parametrize("verb", TARGETS)
def test_a_fresh_token_gets_past_it(provider: Provider, stored_key: None, verb: str) -> None:
    members = FRESH["as RFC 9068 names it"](int(time.time()))
    answer = over_the_api(provider, verb, members)
    assert answer.status_code != 401, answer.content


@pytest.mark.parametrize("verb", WEB)
@pytest.mark.parametrize(
    "session",
    [
        {"auth_time": timedelta(minutes=-11)},
        {"amr": ["pwd"]},
        {"auth_time_said": False},
    ],
    ids=["old", "one factor", "time not given by the issuer"],
)
def test_a_session_without_one_decides_none_of_them_on_a_page(
    stored_key: None, verb: str, session: dict[str, Any]
) -> None:
    client = browser_of(ADMIN)
    if "auth_time" in session:
        session = {"auth_time": clock.now() + session["auth_time"]}
    SignedInSession.objects.update(**session)
    path, form = WEB[verb]
    if verb == "policy.change":
        form = {"document": a_document()}
    answer = client.post(path, form, HTTP_HOST=HOST, HTTP_ACCEPT="text/html")
    assert answer.status_code == 401, (answer.status_code, answer.content[:300])
    assert not Approval.objects.exists()
    assert {event["action"] for event in events()} <= {"access.refused"}


def a_document() -> str:
    now = policy.current()
    return json.dumps(now.model_copy(update={"number": now.number + 1}).as_json())


@pytest.mark.parametrize("verb", TARGETS)
def test_the_pipeline_refuses_whatever_channel_forgets_to_ask(stored_key: None, verb: str) -> None:
    target, params = TARGETS[verb]
    with pytest.raises(Refused) as refused:
        perform(ADMIN, verb, target, params=params, reason="x")
    assert refused.value.code == "fresh_sign_in_required"


def test_who_may_not_decide_is_not_sent_to_sign_in(stored_key: None) -> None:
    whole = {"document": json.loads(a_document()), "base": policy.policy_digest()}
    for verb, (target, params) in TARGETS.items():
        params = whole if verb == "policy.change" else params
        nobody = replace(ADMIN, sub="auth0|mallory", roles=frozenset({"auditor"}))
        with pytest.raises(Refused) as refused:
            perform(nobody, verb, target, params=params, reason="x")
        assert refused.value.code in {"not_permitted", "nothing_changes"}, verb


def test_ones_own_passkey_is_revoked_without_one(stored_key: None) -> None:
    person = people_and_roles.find(ISS, "auth0|oona")
    assert person is not None
    oona = replace(person.as_actor("web"), roles=frozenset())
    done = perform(oona, "passkey.revoke", Target(passkeys.OWN, "key-1"))
    assert done.event_id is not None


def test_somebody_elses_passkey_is_not_revoked_without_a_reason(stored_key: None) -> None:
    with pytest.raises(Refused) as refused:
        perform(replace(ADMIN, fresh=True), "passkey.revoke", Target(passkeys.OWN, "key-1"))
    assert (refused.value.code, refused.value.pointer) == ("reason_required", "/reason")
    assert events("passkey.revoked") == []
