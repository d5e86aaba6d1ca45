"""From the enrolment to the pack: somebody else checks a passkey's answer without us."""

from __future__ import annotations

import json
from typing import Any

import pytest

from approvals.passkeys.verifier_trust_file import document
from approvals.pipeline.service import perform
from audit import clock, packs
from audit.ledger import note, passkey_assertions
from audit.ledger.packs import pack_check
from audit.ledger.trust_policy import NONE, Policy
from audit.proofs import proofs_and_tiles
from audit.recording.actors import Actor
from audit.recording.stored_event_loader import load
from audit.sequencing import sequencer
from tests.approvals.asking import fresh
from tests.approvals.lamps import Lamps
from tests.approvals.people_of import known
from tests.passkeys.devices import answered_by, approver_key, ask, enrol, give, target_of
from tests.support.authenticator import Authenticator

type Told = dict[str, Any]


@pytest.fixture(autouse=True)
def _ledger(settings: Any, lamps: Lamps) -> None:
    settings.EVIDENCE_KEY = bytes(range(32))
    settings.LEDGER_ORIGIN = "ledger.example/passkeys"
    settings.LEDGER_KEY_FILE = None
    packs.use_directory(document)  # as portal.hooks_between_apps does


@pytest.fixture
def hers(olu: Actor, oona: Actor) -> Authenticator:
    """Oona's confirmed device."""
    made = approver_key(oona)
    answered_by("passkey")
    return made


def level(approval: Any, trusted: Told) -> tuple[str, str]:
    """What somebody with this trust file finds in the pack of the event that closed it."""
    sequencer.run_once()
    closed = fresh(approval).event_id
    assert closed is not None
    packed = packs.build(packs.of_event(load(closed)), clock.now(), lambda _item: True)
    log = Policy((note.parse_vkey(proofs_and_tiles.vkey()),), {}, {}, NONE)
    keys = passkey_assertions.read_directory(json.dumps(trusted).encode())
    report = pack_check.check(packed.body, pack_check.Roots(log, passkeys=keys))
    (about,) = (one for one in report.events if one.id == str(closed))
    return about.human.code, " ".join(about.human.reasons)


def nobody() -> Told:
    """A trust file without a key."""
    return {**document(), "passkeys": []}


def test_a_signed_approval_and_a_signed_denial_convince_with_the_trust_file_alone(
    olu: Actor, oona: Actor, hers: Authenticator
) -> None:
    approved, denied = ask(olu), ask(olu, name="stairs")
    give(oona, approved, hers)
    give(oona, denied, hers, "deny")
    assert level(approved, document())[0] == "H2"
    assert level(denied, document())[0] == "H2"
    assert level(approved, nobody())[0] == "H0"


def test_a_revocation_later_takes_nothing_from_what_was_signed(
    olu: Actor, oona: Actor, hers: Authenticator
) -> None:
    approval = ask(olu)
    give(oona, approval, hers)
    perform(oona, "passkey.revoke", target_of(hers))
    code, why = level(approval, document())
    assert code == "H2" and "revoked later" in why


def test_a_file_that_calls_the_key_revoked_before_or_never_confirmed_does_not_convince(
    olu: Actor, oona: Actor, hers: Authenticator
) -> None:
    approval = ask(olu)
    give(oona, approval, hers)
    told = document()
    (key,) = told["passkeys"]
    for bent in ({"revoked_at": key["enrolled_at"]}, {"approver_since": None}):
        assert level(approval, {**told, "passkeys": [key | bent]})[0] == "H0", bent


def test_the_key_of_somebody_else_in_the_file_does_not_convince(
    olu: Actor, oona: Actor, hers: Authenticator
) -> None:
    approval = ask(olu)
    give(oona, approval, hers)
    told = document()
    (key,) = told["passkeys"]
    other = {**key, "sub": known("auditor", "auditor").sub}
    assert level(approval, {**told, "passkeys": [other]})[0] == "H0"
    enrol(olu)
    mine = next(one for one in document()["passkeys"] if one["sub"] == olu.sub)
    exchanged = {**key, "public_key": mine["public_key"]}
    assert level(approval, {**told, "passkeys": [exchanged]})[0] == "H0"
