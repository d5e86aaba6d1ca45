"""Passkeys that were made, exchanged or lent for the occasion.

`tests/passkeys` bends the signatures themselves.
"""

from __future__ import annotations

from typing import Any

import pytest

from approvals.errors import Refused
from approvals.models import Passkey, Person
from approvals.passkeys import assertions
from approvals.pipeline.service import perform
from audit.recording.actors import Actor
from tests.accounts.trail import events
from tests.approvals.asking import fresh
from tests.approvals.lamps import Lamps
from tests.attacks.step_up.provider import PhoneProvider
from tests.attacks.step_up.trail import assert_nothing_committed, late
from tests.passkeys.devices import (
    answer,
    answered_by,
    approver_key,
    ask,
    device,
    enrol,
    give,
    key_of,
    target_of,
)


@pytest.fixture(autouse=True)
def by_passkey(provider: PhoneProvider) -> None:
    """Every rule takes a passkey, or the phone."""
    answered_by("either")


def refused(code: str, person: Actor, approval: Any, at: Any) -> None:
    """The answer is not taken; one event names why."""
    with pytest.raises(Refused) as problem:
        give(person, approval, at)
    assert problem.value.code == code
    assert fresh(approval).status == "pending"
    said = [e for e in events("approval.failed") if e["approval"] == str(approval.pk)]
    assert said[-1]["data"]["failure"] == code
    assert said[-1]["intent_hash"] == approval.intent_hash


def test_a_key_enrolled_again_after_the_request_does_not_answer_it(
    lamps: Lamps, olu: Actor, oona: Actor
) -> None:
    """Re-enrolment: a thief of the session makes a key of their own for what waits already."""
    old = approver_key(oona)
    approval = ask(olu)
    perform(oona, "passkey.revoke", target_of(old))
    new = approver_key(oona, device())
    refused("passkey_revoked", oona, approval, old)
    refused("passkey_too_new", oona, approval, new)
    assert_nothing_committed(lamps)


def test_the_same_device_enrolled_again_is_no_older_than_its_enrolment(
    lamps: Lamps, olu: Actor, oona: Actor
) -> None:
    at = enrol(oona)
    with pytest.raises(Refused):
        enrol(oona, at)
    approval = ask(olu)
    refused("passkey_for_own_requests", oona, approval, at)
    assert_nothing_committed(lamps)


def test_a_key_that_somebody_put_under_another_name_answers_nothing(
    lamps: Lamps, olu: Actor, oona: Actor
) -> None:
    """The requester's own key, moved to the asked person in the table."""
    own = approver_key(olu)
    approval = ask(olu)
    Passkey.objects.filter(pk=key_of(own).pk).update(person=Person.objects.get(sub=oona.sub))
    with pytest.raises(Refused):
        give(olu, approval, own)
    assert fresh(approval).status == "pending"
    assert_nothing_committed(lamps)


def test_the_requester_signs_in_the_place_of_the_asked_person_and_is_refused(
    lamps: Lamps, olu: Actor, oona: Actor
) -> None:
    own = approver_key(olu)
    approval = ask(olu)
    refused("passkey_of_another", oona, approval, own)
    with pytest.raises(Refused) as problem:
        give(olu, approval, own)
    assert problem.value.code == "not_asked"
    assert_nothing_committed(lamps)


def test_a_signature_collected_before_the_request_exists_fits_nothing(
    lamps: Lamps, olu: Actor, oona: Actor
) -> None:
    """Harvested for another intent, of the same person, on the same page."""
    hers = approver_key(oona)
    harmless = ask(olu, name="kitchen")
    harvested = answer(harmless, hers)
    wanted = ask(olu)
    with pytest.raises(Refused) as problem:
        assertions.give(oona, str(wanted.pk), "approve", harvested)
    assert problem.value.code == "passkey_signature"
    with pytest.raises(Refused):
        assertions.give(oona, str(harmless.pk), "deny", harvested)
    assert fresh(wanted).status == fresh(harmless).status == "pending"
    assert_nothing_committed(lamps)


def test_a_signed_answer_that_is_sent_twice_commits_once(
    lamps: Lamps, olu: Actor, oona: Actor
) -> None:
    hers = approver_key(oona)
    approval = ask(olu)
    signed = answer(approval, hers)
    assertions.give(oona, str(approval.pk), "approve", signed)
    assert fresh(approval).outcome == "approved"
    with pytest.raises(Refused):
        assertions.give(oona, str(approval.pk), "approve", signed)
    assert len(events("lamp.blocked")) == 1
    assert len(events("approval.approved")) == 2, "the key's own confirmation, and this"
    assert late(approval) or events("approval.failed")


def test_a_phone_and_a_passkey_of_two_people_are_not_both_channels_of_one(
    lamps: Lamps, provider: PhoneProvider, olu: Actor, oona: Actor
) -> None:
    """Both channels have to be the asked person's."""
    own = approver_key(olu)
    answered_by("both")
    approval = ask(olu)
    refused("passkey_of_another", oona, approval, own)
    assert_nothing_committed(lamps)
