"""The decisions: enrol for oneself, let it approve for others by two people, revoke at once."""

from __future__ import annotations

import json
from base64 import b64encode

import pytest

from approvals.errors import Refused
from approvals.models import Passkey
from approvals.passkeys import relying_party
from approvals.passkeys.verifier_trust_file import document, trusted
from approvals.pipeline.service import perform
from audit.ledger import passkey_assertions
from audit.recording.actors import Actor
from tests.accounts.trail import events
from tests.approvals.asking import fresh
from tests.approvals.people_of import acting
from tests.passkeys.devices import (
    approver_key,
    confirmation,
    device,
    enrol,
    key_of,
    registered,
    say,
    target_of,
)


def refused(actor: Actor, verb: str, target: object, **more: object) -> str:
    """The code of why the decision is not taken."""
    with pytest.raises(Refused) as caught:
        perform(actor, verb, target, **more)  # type: ignore[arg-type]
    return caught.value.code


def test_an_enrolment_can_be_followed_from_the_log_alone(olu: Actor) -> None:
    made = enrol(olu)
    (event,) = events("passkey.enrolled")
    data = event["data"]
    assert (data["credential_id"], data["counts_for"]) == (made.id, "own")
    assert data["public_key"] == b64encode(made.spki).decode()
    assert (data["rp_id"], data["origins"]) == (relying_party.rp_id(), [relying_party.origin()])
    assert data["owner"]["sub"] == olu.sub == event["actor"]["sub"]
    assert event["approval"] == ""


def test_the_owner_alone_makes_a_key_for_their_own_requests(olu: Actor) -> None:
    key = key_of(enrol(olu))
    assert (key.approver_since, key.revoked_at, key.name) == (None, None, "Laptop")


def test_another_person_makes_it_an_approver_key(olu: Actor, oona: Actor) -> None:
    made = enrol(olu)
    approval = confirmation(olu, made)
    assert key_of(made).approver_since is None
    assert (approval.severity, approval.single_person) == ("CRITICAL", False)
    assert approval.current and approval.current.person.sub == oona.sub
    named = f"passkey “Laptop” ({relying_party.short(key_of(made).handle)})"
    assert (
        approval.sentence == f"Let “Olu Operator” approve other people's requests with the {named}"
    )
    assert say(approval, "approve") == ""
    assert key_of(made).approver_since is not None
    own, others = events("passkey.enrolled")
    assert (own["data"]["counts_for"], others["data"]["counts_for"]) == ("own", "others")
    assert others["data"]["approver"]["sub"] == oona.sub
    assert others["data"]["credential_id"] == made.id


def test_a_denied_confirmation_leaves_the_key_as_it_was(olu: Actor, oona: Actor) -> None:
    made = enrol(olu)
    approval = confirmation(olu, made)
    assert say(approval, "deny") == ""
    assert fresh(approval).outcome == "denied"
    assert key_of(made).approver_since is None
    assert len(events("passkey.enrolled")) == 1


def test_a_lone_operator_cannot_confirm_their_own_key(olu: Actor) -> None:
    made = enrol(olu)
    approval = confirmation(olu, made)
    assert approval.single_person
    assert say(approval, "approve") == ""
    assert fresh(approval).outcome_code == "needs_another_person"
    assert key_of(made).approver_since is None


def test_a_key_that_is_revoked_while_its_confirmation_waits_is_not_confirmed(
    olu: Actor, oona: Actor
) -> None:
    made = enrol(olu)
    approval = confirmation(olu, made)
    perform(olu, "passkey.revoke", target_of(made))
    assert say(approval, "approve") == ""
    assert (fresh(approval).outcome, fresh(approval).outcome_code) == ("failed", "state_changed")
    assert key_of(made).approver_since is None


def test_nobody_asks_that_somebody_elses_key_counts(olu: Actor, oona: Actor) -> None:
    made = enrol(olu)
    approval = confirmation(oona, made)
    assert say(approval, "approve") == ""
    assert fresh(approval).outcome_code == "not_permitted"
    assert key_of(made).approver_since is None


def test_a_member_enrols_a_key_but_no_approver_key() -> None:
    member = acting("member1")
    made = enrol(member)
    assert key_of(made).person.sub == member.sub
    target = target_of(made, "approver_key")
    assert refused(member, "passkey.enrol", target) == "not_permitted"


def test_a_key_comes_from_a_ceremony_of_its_owner_and_from_nowhere_else(
    olu: Actor, oona: Actor
) -> None:
    made = device()
    params = registered(olu, made)
    bent = params | {"registration": "0" * 64}
    assert refused(olu, "passkey.enrol", target_of(device()), params=params) == (
        "unknown_registration"
    )
    assert refused(olu, "passkey.enrol", target_of(made), params=bent) == "unknown_registration"
    stolen = perform(oona, "passkey.enrol", target_of(made), params=params).approval
    assert stolen is not None and say(stolen, "approve") == ""
    assert fresh(stolen).outcome_code == "not_permitted"
    assert not Passkey.objects.exists()


def test_the_same_credential_is_nobody_elses_afterwards(olu: Actor, oona: Actor) -> None:
    made = enrol(olu)
    params = registered(oona, made)
    assert refused(oona, "passkey.enrol", target_of(made), params=params) == "already_enrolled"
    assert refused(olu, "passkey.enrol", target_of(made), params=registered(olu, made)) == (
        "already_enrolled"
    )
    assert key_of(made).person.sub == olu.sub


def test_a_revoked_credential_does_not_come_back(olu: Actor) -> None:
    made = enrol(olu)
    perform(olu, "passkey.revoke", target_of(made))
    params = registered(olu, made)
    assert refused(olu, "passkey.enrol", target_of(made), params=params) == "already_enrolled"
    assert refused(olu, "passkey.revoke", target_of(made)) == "revoked"


def test_ones_own_key_is_revoked_at_once(olu: Actor) -> None:
    made = enrol(olu)
    done = perform(olu, "passkey.revoke", target_of(made))
    assert done.event_id is not None
    assert key_of(made).revoked_at is not None
    (event,) = events("passkey.revoked")
    assert (event["data"]["own"], event["data"]["credential_id"]) == (True, made.id)


def test_an_admin_revokes_for_others_at_once_and_an_operator_does_not(
    olu: Actor, oona: Actor
) -> None:
    made = enrol(olu)
    assert refused(oona, "passkey.revoke", target_of(made)) == "not_permitted"
    done = perform(acting("admin", "admin"), "passkey.revoke", target_of(made), reason="lost")
    assert done.event_id is not None
    (event,) = events("passkey.revoked")
    assert (event["data"]["own"], event["data"]["owner"]["sub"]) == (False, olu.sub)


def test_the_trust_file_names_every_key_with_its_times_and_events(olu: Actor, oona: Actor) -> None:
    first = approver_key(olu)
    second = enrol(oona)
    perform(oona, "passkey.revoke", target_of(second))
    told = document()
    assert told["schema"] == "ata.passkeys.v1"
    one, two = told["passkeys"]
    mine, others, theirs = events("passkey.enrolled")
    assert (one["id"], one["sub"], one["revoked_at"]) == (first.id, olu.sub, None)
    assert (one["enrolled_event"], one["approver_event"]) == (mine["id"], others["id"])
    assert one["approver_since"] >= one["enrolled_at"]
    assert one["public_key"] == b64encode(first.spki).decode()
    assert (two["enrolled_event"], two["approver_since"]) == (theirs["id"], None)
    assert two["revoked_event"] == events("passkey.revoked")[0]["id"]
    assert two["revoked_at"] >= two["enrolled_at"]


def test_a_verifier_reads_from_the_file_what_the_portal_itself_trusts(
    olu: Actor, oona: Actor
) -> None:
    approver_key(olu)
    perform(oona, "passkey.revoke", target_of(enrol(oona)))
    assert passkey_assertions.read_directory(json.dumps(document()).encode()) == trusted()
