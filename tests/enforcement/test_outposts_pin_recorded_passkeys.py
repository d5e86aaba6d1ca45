"""An outpost pins passkeys whose enrolment the log has, as their rows have them."""

from __future__ import annotations

from typing import Any

import pytest

from approvals import clock
from approvals.models import Passkey
from approvals.passkeys import enrol_and_revoke
from approvals.pipeline.service import perform
from audit.models import EventRow
from audit.recording.actors import SYSTEM, Actor, Target
from audit.recording.record import record
from audit.sequencing import sequencer
from enforcement.outposts import trust_pinned_at_enrolment
from tests.approvals.people_of import acting
from tests.passkeys import devices

pytestmark = pytest.mark.django_db


@pytest.fixture
def olu(db: None) -> Actor:
    return acting("operator", "operator")


@pytest.fixture
def oona(olu: Actor) -> Actor:
    return acting("operator2", "operator")


def pinned() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = trust_pinned_at_enrolment.current()["passkeys"]
    return found


def test_an_enrolled_passkey_is_pinned_and_counts_for_its_owner(olu: Actor, oona: Actor) -> None:
    made = devices.enrol(olu)
    [one] = pinned()
    assert (one["id"], one["sub"], one["approver"]) == (made.id, olu.sub, False)


def test_one_that_a_second_person_confirmed_counts_for_others(olu: Actor, oona: Actor) -> None:
    made = devices.approver_key(olu)
    assert [(one["id"], one["approver"]) for one in pinned()] == [(made.id, True)]


def test_a_passkey_that_somebody_wrote_into_the_database_is_not_pinned(
    olu: Actor, oona: Actor
) -> None:
    key = devices.key_of(devices.enrol(olu))
    theirs = devices.device()
    key.pk, key.credential_id, key.public_key = "h" * 22, theirs.id, theirs.spki
    key.save(force_insert=True)
    assert theirs.id not in {one["id"] for one in pinned()} and len(pinned()) == 1


@pytest.mark.parametrize("what", ["its key", "its owner", "its address"])
def test_a_passkey_whose_row_somebody_changed_is_not_pinned(
    olu: Actor, oona: Actor, what: str
) -> None:
    made = devices.enrol(olu)
    person = devices.key_of(devices.enrol(oona)).person
    changes: dict[str, dict[str, Any]] = {
        "its key": {"public_key": devices.device().spki},
        "its owner": {"person": person},
        "its address": {
            "origins": [
                "https://elsewhere.example",
                trust_pinned_at_enrolment.current()["web_origin"],
            ]
        },
    }
    Passkey.objects.filter(credential_id=made.id).update(**changes[what])
    assert made.id not in {one["id"] for one in pinned()}


def test_a_passkey_is_not_confirmed_or_given_back_by_its_row_alone(olu: Actor, oona: Actor) -> None:
    made = devices.enrol(olu)
    Passkey.objects.update(approver_since=clock.now())
    assert [one["approver"] for one in pinned()] == [False]
    perform(olu, "passkey.revoke", devices.target_of(made, enrol_and_revoke.OWN))
    Passkey.objects.update(revoked_at=None)
    assert pinned() == []
    sequencer.run_once()
    EventRow.objects.filter(action="passkey.revoked").delete()
    assert pinned() == [], "the entry of the log says it, too"


@pytest.mark.parametrize("action", ["passkey.enrolled", "passkey.revoked"])
def test_an_entry_that_names_no_passkey_takes_none_away(
    olu: Actor, oona: Actor, action: str
) -> None:
    made = devices.enrol(olu)
    owner = {"owner": {"iss": olu.iss, "sub": olu.sub}}
    record(SYSTEM, action, target=Target("passkey", devices.key_of(made).handle), data=owner)
    assert [one["id"] for one in pinned()] == [made.id]
