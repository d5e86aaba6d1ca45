"""The asked person signs approve or deny; whatever was signed for anything else answers nothing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from approvals import cancel_resend_confirm_denial
from approvals.errors import Refused
from approvals.models import Approval, Ask
from approvals.passkeys import assertions
from approvals.pipeline.service import perform
from audit.clock import now
from audit.evidence import human_levels, storage
from audit.ledger import passkey_assertions
from audit.recording import action_registry
from audit.recording.actors import Actor
from tests.accounts.trail import events
from tests.approvals.asking import fresh
from tests.approvals.lamps import Lamps
from tests.approvals.people_of import acting
from tests.passkeys.devices import (
    answer,
    answered_by,
    approver_key,
    ask,
    device,
    enrol,
    give,
    key_of,
    say,
    target_of,
)
from tests.support.authenticator import UP, UV, Authenticator


@pytest.fixture(autouse=True)
def _by_passkey(lamps: Lamps) -> None:
    answered_by("passkey")


@pytest.fixture
def hers(oona: Actor, olu: Actor) -> Authenticator:
    """Oona's device, confirmed by Olu by phone."""
    answered_by("ciba")
    made = approver_key(oona)
    answered_by("passkey")
    return made


def refused(approval: Approval, person: Actor, decision: Any, credential: Any) -> str:
    """The code of why an answer is not taken; the request waits on and nothing is committed."""
    before = fresh(approval)
    with pytest.raises(Refused) as caught:
        assertions.give(person, str(approval.id), decision, credential)
    after = fresh(approval)
    assert (after.status, after.answer) == (before.status, before.answer)
    assert events("lamp.blocked") == []
    assert caught.value.detail
    return caught.value.code


def told_of(code: str) -> None:
    """The trail says truthfully that an answer was refused, and why."""
    event = events("approval.failed")[-1]
    assert event["data"]["failure"] == code
    assert event["data"]["still_waits"] is True


def test_an_approval_signed_by_the_asked_person_commits_and_is_evidence(
    olu: Actor, oona: Actor, hers: Authenticator, lamps: Lamps
) -> None:
    approval = ask(olu)
    give(oona, approval, hers)
    done = fresh(approval)
    assert (done.status, done.outcome) == ("closed", "approved")
    assert lamps.lit == {"hall": False}
    (event,) = events("lamp.blocked")
    (reference,) = [e for e in event["evidence"] if e["kind"] == "assertion"]
    body = storage.get(reference["digest"])
    assert hers.id in body.decode()
    level = human_levels.explain(event)
    assert level.code == "H2", level.reasons
    assert event["human"] == "H2"
    said = events("approval.approved")[-1]
    assert (said["data"]["channel"], said["actor"]["sub"]) == ("passkey", oona.sub)
    key = key_of(hers)
    assert key.last_used is not None and key.sign_count == hers.count > 0


def test_a_signed_denial_is_positive_evidence(
    olu: Actor, oona: Actor, hers: Authenticator, lamps: Lamps
) -> None:
    approval = ask(olu)
    assert lamps.held == ["hall"]
    give(oona, approval, hers, "deny")
    done = fresh(approval)
    assert (done.outcome, done.inferred) == ("denied", False)
    assert lamps.held == [] and lamps.lit == {}
    (event,) = events("approval.denied")
    assert event["data"]["inferred"] is False
    assert human_levels.explain(event).code == "H2", human_levels.explain(event).reasons


def test_ones_own_high_request_is_signed_with_a_key_nobody_confirmed(
    olu: Actor, oona: Actor
) -> None:
    mine = enrol(olu)
    approval = ask(olu, "HIGH")
    give(olu, approval, mine)
    assert fresh(approval).outcome == "approved"
    assert human_levels.explain(events("lamp.blocked")[0]).code == "H2"


def test_devices_that_count_nothing_may_answer(olu: Actor, oona: Actor) -> None:
    mine = enrol(olu, device(counts=False))
    give(olu, ask(olu, "HIGH"), mine)
    give(olu, ask(olu, "HIGH", "stairs"), mine)
    assert len(events("lamp.blocked")) == 2


@pytest.mark.parametrize("algorithm", ["EdDSA", "RS256"])
def test_the_other_algorithms_sign_too(olu: Actor, oona: Actor, algorithm: str) -> None:
    mine = enrol(olu, device(algorithm=algorithm))
    give(olu, ask(olu, "HIGH"), mine)
    assert human_levels.explain(events("lamp.blocked")[0]).code == "H2"


type Bend = Callable[[Approval, Authenticator], Any]

BENT: dict[str, Bend] = {
    "another role": lambda a, d: answer(a, d, role="requester"),
    "another decision": lambda a, d: answer(a, d, "deny"),
    "another approval": lambda a, d: answer(a, d, approval_id="0" * 36),
    "another intent": lambda a, d: answer(a, d, intent_hash="0" * 64),
    "another origin": lambda a, d: answer(a, d, origin="https://evil.example"),
    "another port": lambda a, d: answer(a, d, origin="http://localhost:1"),
    "another party": lambda a, d: answer(a, d, rp_id="evil.example"),
    "inside another page": lambda a, d: answer(a, d, cross_origin=True),
    "no verified user": lambda a, d: answer(a, d, flags=UP),
    "no present user": lambda a, d: answer(a, d, flags=UV),
    "the other ceremony": lambda a, d: answer(a, d, type="webauthn.create"),
    "another key": lambda a, d: answer(
        a, Authenticator(d.rp_id, d.origin, credential_id=d.credential_id)
    ),
}


@pytest.mark.parametrize("what", BENT)
def test_a_signature_over_anything_else_answers_nothing_and_is_an_event(
    what: str, olu: Actor, oona: Actor, hers: Authenticator
) -> None:
    approval = ask(olu)
    code = refused(approval, oona, "approve", BENT[what](approval, hers))
    assert code == "passkey_signature"
    told_of(code)
    give(oona, approval, hers)
    assert fresh(approval).outcome == "approved"


def test_a_signature_for_one_request_answers_no_other(
    olu: Actor, oona: Actor, hers: Authenticator
) -> None:
    first, second = ask(olu), ask(olu, name="stairs")
    assert refused(second, oona, "approve", answer(first, hers)) == "passkey_signature"
    told_of("passkey_signature")


def test_a_replay_of_what_was_taken_commits_nothing_more(
    olu: Actor, oona: Actor, hers: Authenticator
) -> None:
    answered_by("both")
    approval = ask(olu)
    credential = answer(approval, hers)
    assertions.give(oona, str(approval.id), "approve", credential)
    assert fresh(approval).status == "pending"  # the phone has yet to answer
    assert refused(approval, oona, "approve", credential) == "passkey_counter"
    told_of("passkey_counter")
    assert refused(approval, oona, "approve", answer(approval, hers)) == "already_answered"
    told_of("already_answered")


def test_both_channels_have_to_approve(
    olu: Actor, oona: Actor, hers: Authenticator, lamps: Lamps
) -> None:
    answered_by("both")
    approval = ask(olu)
    give(oona, approval, hers)
    assert lamps.lit == {}
    assert say(approval, "approve") == ""
    assert lamps.lit == {"hall": False}
    assert any(e["kind"] == "assertion" for e in events("lamp.blocked")[0]["evidence"])


def test_a_counter_that_went_back_is_a_copy(olu: Actor, oona: Actor, hers: Authenticator) -> None:
    hers.count = 7
    give(oona, ask(olu, name="stairs"), hers)
    copy = Authenticator(
        hers.rp_id, hers.origin, credential_id=hers.credential_id, key=hers.key, count=3
    )
    approval = ask(olu, name="attic")
    with pytest.raises(Refused) as caught:
        give(oona, approval, copy)
    assert caught.value.code == "passkey_counter"
    told_of("passkey_counter")
    assert key_of(hers).sign_count == 8


def test_a_revoked_key_signs_nothing_and_what_it_signed_stays(
    olu: Actor, oona: Actor, hers: Authenticator
) -> None:
    give(oona, ask(olu, name="stairs"), hers)
    before = events("lamp.blocked")[0]
    approval = ask(olu)
    perform(oona, "passkey.revoke", target_of(hers))
    with pytest.raises(Refused) as caught:
        give(oona, approval, hers)
    assert caught.value.code == "passkey_revoked"
    told_of("passkey_revoked")
    again = human_levels.explain(before)
    assert again.code == "H2"
    assert any("revoked" in reason for reason in again.reasons), again.reasons


def test_somebody_elses_key_answers_nothing(olu: Actor, oona: Actor, hers: Authenticator) -> None:
    answered_by("ciba")
    his = approver_key(olu)
    answered_by("passkey")
    approval = ask(olu)
    assert refused(approval, oona, "approve", answer(approval, his)) == "passkey_of_another"
    told_of("passkey_of_another")


def test_a_key_that_nobody_enrolled_answers_nothing(
    olu: Actor, oona: Actor, hers: Authenticator
) -> None:
    approval = ask(olu)
    assert refused(approval, oona, "approve", answer(approval, device())) == "passkey_unknown"
    told_of("passkey_unknown")


def test_a_key_that_nobody_confirmed_answers_for_no_other(olu: Actor, oona: Actor) -> None:
    hers = enrol(oona)
    approval = ask(olu)
    for decision in ("approve", "deny"):
        code = refused(approval, oona, decision, answer(approval, hers, decision))
        assert code == "passkey_for_own_requests"
        told_of(code)


def test_a_key_made_after_the_request_does_not_answer_it(olu: Actor, oona: Actor) -> None:
    approval = ask(olu, "HIGH")
    mine = enrol(olu)
    assert refused(approval, olu, "approve", answer(approval, mine)) == "passkey_too_new"
    told_of("passkey_too_new")


def test_only_the_asked_person_answers(olu: Actor, oona: Actor, hers: Authenticator) -> None:
    approval = ask(olu)
    assert refused(approval, olu, "approve", answer(approval, hers)) == "not_asked"
    bystander = acting("admin", "admin")
    assert refused(approval, bystander, "approve", answer(approval, hers)) == "not_asked"
    told_of("not_asked")
    assert events("approval.failed")[-1]["actor"]["sub"] == bystander.sub
    stranger = acting("member1")
    with pytest.raises(Approval.DoesNotExist):
        assertions.give(stranger, str(approval.id), "approve", answer(approval, hers))


def test_a_request_for_the_phone_takes_no_passkey(
    olu: Actor, oona: Actor, hers: Authenticator
) -> None:
    answered_by("ciba")
    approval = ask(olu)
    assert refused(approval, oona, "approve", answer(approval, hers)) == "wrong_channel"
    told_of("wrong_channel")


def test_an_answer_after_the_time_commits_nothing_and_is_recorded(
    olu: Actor, oona: Actor, hers: Authenticator
) -> None:
    approval = ask(olu)
    Ask.objects.filter(approval=approval).update(expires_at=now() - timedelta(seconds=1))
    assert refused(approval, oona, "approve", answer(approval, hers)) == "expired"
    assert events("approval.failed")[-1]["data"]["failure"] == "answered_after_close"


def test_a_refused_signature_reads_as_what_it_was(
    olu: Actor, oona: Actor, hers: Authenticator
) -> None:
    approval = ask(olu)
    refused(approval, oona, "approve", answer(approval, hers, "deny"))
    cancel_resend_confirm_denial.cancel(olu, str(approval.id))
    refused(approval, oona, "approve", answer(approval, hers, "deny"))
    waiting, over = events("approval.failed")
    assert (waiting["data"]["still_waits"], over["data"]["still_waits"]) == (True, False)
    for event in (waiting, over):
        assert "the signature did not hold for this" in action_registry.sentence(event)


def test_an_answer_to_a_withdrawn_request_commits_nothing_and_is_recorded(
    olu: Actor, oona: Actor, hers: Authenticator
) -> None:
    approval = ask(olu)
    cancel_resend_confirm_denial.cancel(olu, str(approval.id))
    assert refused(approval, oona, "approve", answer(approval, hers)) == "closed"
    assert events("approval.failed")[-1]["data"]["failure"] == "answered_after_close"


def _shape(**changes: Any) -> Bend:
    return lambda a, d: answer(a, d) | changes


MALFORMED: dict[str, Bend] = {
    "nothing": lambda _a, _d: {},
    "no response": _shape(response=None),
    "a list": _shape(response=[]),
    "numbers": lambda a, d: answer(a, d) | {"id": 1, "rawId": 1},
    "two ids": _shape(rawId="AAAA"),
    "another type": _shape(type="password"),
    "padded": lambda a, d: answer(a, d) | {"id": d.id + "=", "rawId": d.id + "="},
    "huge": lambda a, d: answer(a, d) | {"id": "A" * 20_000, "rawId": "A" * 20_000},
}


@pytest.mark.parametrize("what", MALFORMED)
def test_what_is_no_answer_of_a_passkey_is_refused_without_an_event(
    what: str, olu: Actor, oona: Actor, hers: Authenticator
) -> None:
    approval = ask(olu)
    code = refused(approval, oona, "approve", MALFORMED[what](approval, hers))
    assert code == "malformed_passkey"
    assert events("approval.failed") == []


@pytest.mark.parametrize("what", ["clientDataJSON", "authenticatorData", "signature"])
def test_one_flipped_bit_answers_nothing(
    what: str, olu: Actor, oona: Actor, hers: Authenticator
) -> None:
    approval = ask(olu)
    credential = answer(approval, hers)
    text = credential["response"][what]
    credential["response"][what] = ("B" if text[0] != "B" else "C") + text[1:]
    assert refused(approval, oona, "approve", credential) == "passkey_signature"
    told_of("passkey_signature")


def test_what_is_kept_is_what_was_signed_and_nothing_else(
    olu: Actor, oona: Actor, hers: Authenticator
) -> None:
    approval = ask(olu)
    credential = answer(approval, hers) | {"clientExtensionResults": {"credProps": "x" * 99}}
    assertions.give(oona, str(approval.id), "approve", credential)
    reference = events("lamp.blocked")[0]["evidence"][-1]
    body = storage.get(reference["digest"])
    assert b"clientExtensionResults" not in body and b"userHandle" not in body
    found = passkey_assertions.verify(
        body,
        approval.intent_hash,
        {
            hers.id: passkey_assertions.Passkey(
                hers.spki, oona.iss, oona.sub, hers.rp_id, frozenset({hers.origin})
            )
        },
    )
    assert (found.decision, found.role, found.approval_id) == (
        "approve",
        "approver",
        str(approval.id),
    )
