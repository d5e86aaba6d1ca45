"""Somebody with the whole database, the evidence store and the log key (A5, A7).

What they write commits nothing by itself; what they append as history stays at H0 or H1 for
everybody who brings the issuer's keys from elsewhere.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from approvals.models import Approval, Ask, AskState, Effect
from approvals.pipeline.service import perform
from approvals.registry import EffectSpec
from audit.clock import now, uuid7
from audit.evidence import human_levels, storage
from audit.ledger import person_and_log_levels
from audit.models import EventRow
from audit.recording.actors import Actor, EvidenceRef, Target
from audit.recording.record import record
from audit.sequencing import sequencer
from tests.accounts.trail import events
from tests.approvals.asking import ask, fresh
from tests.approvals.lamps import Lamps
from tests.attacks.sign_in.forging import ROGUE, Forge, public
from tests.attacks.step_up.conftest import Work
from tests.attacks.step_up.provider import PhoneProvider
from tests.attacks.step_up.trail import approve, assert_nothing_committed
from tests.attacks.tamper.verifying import verified


@pytest.fixture
def owner() -> None:
    """The attack writes the tables itself: each test looks at the ledger where it wants to."""


WRITES: dict[str, dict[str, Any]] = {
    "the answer": {"answer": "approved"},
    "the outcome": {"status": "closed", "outcome": "approved", "answer": "approved"},
    "a status that nothing sets": {"status": "deciding", "answer": "approved"},
    "who answered": {"answered_by": {"iss": "x", "sub": "auth0|oona"}, "answer": "approved"},
    "that one person is enough": {"single_person": True},
    "that nothing is held": {"held": False},
}


@pytest.mark.parametrize("what", WRITES)
def test_a_row_that_says_approved_commits_nothing(
    lamps: Lamps, provider: PhoneProvider, olu: Actor, oona: Actor, work: Work,
    named: set[str], what: str,
) -> None:  # fmt: skip
    approval = ask(olu)
    work()
    Approval.objects.filter(pk=approval.pk).update(**WRITES[what])
    work(3)
    assert_nothing_committed(lamps)
    assert not events("approval.approved") and not Effect.objects.exists()
    sequencer.run_once()
    if fresh(approval).outcome == "approved":
        named.add(f"no entry closed the request {approval.pk} as approved")
    assert set(verified().values()) == named, "a request that no entry closed, and nothing else"


@pytest.mark.parametrize("state", [AskState.APPROVED, AskState.WAITING, AskState.SUPERSEDED])
def test_an_ask_that_says_approved_commits_nothing(
    lamps: Lamps, provider: PhoneProvider, olu: Actor, oona: Actor, work: Work, state: str
) -> None:
    approval = ask(olu)
    work()
    said = {"decision": "approve", "at": "", "signed": True, "evidence": []}
    Ask.objects.update(state=state, answers={"ciba": said, "passkey": said})
    work(3)
    assert_nothing_committed(lamps)
    assert not events("approval.approved")
    assert fresh(approval).outcome != "approved"


def step(**fields: Any) -> Effect:
    """A row of the outbox, written by hand."""
    return Effect.objects.create(
        id=uuid7(), kind="lamp.step", verb="lamp.allow", event="lamp.allowed",
        operation=str(uuid7()), target_kind="lamp", target_name="hall",
        created=now(), updated=now(), due=now(), **fields,
    )  # fmt: skip


def assert_step_refused(lamps: Lamps, named: set[str], effect: Effect) -> None:
    """Nothing was sent, no event speaks for anybody, and everybody is told."""
    effect.refresh_from_db()
    assert (effect.state, effect.due) == ("failed", None) and "not the step" in effect.detail
    assert lamps.calls == []
    assert [e["outcome"] for e in events("lamp.held")] in ([], ["pending"])
    assert not events("lamp.allowed")
    [alarm] = events("ledger.alarm")
    assert alarm["data"] == {"code": "step_altered", "step": str(effect.pk)}
    named.add(f"the remote step {effect.pk} is not one that was committed")


@pytest.mark.parametrize("seal", ["", "0" * 64])
def test_a_step_that_was_written_by_hand_is_not_carried_out(
    lamps: Lamps, provider: PhoneProvider, olu: Actor, oona: Actor, work: Work,
    named: set[str], seal: str,
) -> None:  # fmt: skip
    """The outbox is a table too."""
    written = step(seal=seal)
    work()
    assert_step_refused(lamps, named, written)


TURNS: dict[str, dict[str, Any]] = {
    "the target": {"target_name": "kitchen"},
    "what is sent": {"payload": {"watt": 1000}},
    "where": {"instance": "edge-9"},
    "what it does": {"kind": "lamp.other"},
    "whose act it is": {"actor": {"iss": "x", "sub": "auth0|oona"}},
    "which decision": {"operation": "0" * 36},
    "which event tells of it": {"event": "lamp.allowed"},
}


@pytest.mark.parametrize("what", TURNS)
def test_a_committed_step_that_was_turned_is_not_carried_out(
    lamps: Lamps, provider: PhoneProvider, olu: Actor, oona: Actor, work: Work,
    named: set[str], what: str,
) -> None:  # fmt: skip
    lamps.effects = [EffectSpec("lamp.step", {"watt": 0}, "edge-1", "Tell edge-1")]
    done = perform(olu, "lamp.hold", Target("lamp", "hall"), severity="HIGH")
    effect = Effect.objects.get(operation=done.operation)
    Effect.objects.filter(pk=effect.pk).update(**TURNS[what])
    work()
    assert_step_refused(lamps, named, effect)


def test_the_seal_of_one_step_fits_no_other(
    lamps: Lamps, provider: PhoneProvider, olu: Actor, oona: Actor, work: Work, named: set[str]
) -> None:
    """A done step is not repeated under another id."""
    lamps.effects = [EffectSpec("lamp.step", {"watt": 0}, "edge-1", "Tell edge-1")]
    done = perform(olu, "lamp.hold", Target("lamp", "hall"), severity="HIGH")
    copied = Effect.objects.get(operation=done.operation)
    Effect.objects.filter(pk=copied.pk).delete()
    copied.pk = uuid7()
    copied.save(force_insert=True)
    work()
    assert_step_refused(lamps, named, copied)


def forged(
    provider: PhoneProvider, oona: Actor, intent_hash: str, key: Any
) -> tuple[EvidenceRef, ...]:
    """An approval token and an identity for an intent, signed by a key that is not the issuer's."""
    details = [{"type": "urn:x", "properties": {"intent_hash": {"value": intent_hash}}}]
    moment = int(now().timestamp())
    common = {"iss": provider.issuer, "sub": oona.sub, "iat": moment - 60, "exp": moment - 1}
    token = Forge(
        common | {"aud": "https://ata.local/approvals", "azp": "ata-web",
                  "authorization_details": details}, key=key)  # fmt: skip
    identity = Forge(common | {"aud": "ata-web"}, key=key)
    kept = []
    for kind, forge in (("approval_token", token), ("id_token", identity)):
        forge.header["kid"] = key.kid
        kept.append(storage.put(kind, str(forge.token()).encode(), subject_key=oona.key))
    return tuple(kept)


@pytest.mark.parametrize("claimed", ["lamp.blocked", "approval.approved"])
def test_a_forged_approval_is_never_more_than_a_sign_in_for_who_brings_the_issuers_keys(
    lamps: Lamps,
    provider: PhoneProvider,
    owner: None,
    olu: Actor,
    oona: Actor,
    work: Work,
    claimed: str,
) -> None:
    """Everything is forged: tokens, the key set in the store, the event, its place in the tree."""
    rogue = {"keys": [public(ROGUE)]}
    storage.put_issuer_keys(provider.issuer, rogue)
    intent_hash = "ab" * 32
    record(
        replace(olu, via="web"),
        claimed,
        target=Target("lamp", "hall"),
        approval="01a20fa4-840b-7f9e-b317-7904b832c5da",
        intent_hash=intent_hash,
        evidence=forged(provider, oona, intent_hash, ROGUE),
        data={"verb": "lamp.block"},
    )
    sequencer.run_once()
    assert verified() == {}, "an owner with the log key can append lies; the tree holds"
    [event] = events(claimed)
    bodies = storage.bodies(reference["digest"] for reference in event["evidence"])
    theirs = {provider.issuer: {"keys": provider.published}}
    judged = person_and_log_levels.human(event, bodies, theirs, {})
    assert judged.code in {"H0", "H1"}, judged
    assert judged.reasons and "key" in " ".join(judged.reasons).lower(), judged.reasons


def test_the_token_of_another_approval_makes_no_event_stronger(
    lamps: Lamps, provider: PhoneProvider, owner: None, olu: Actor, oona: Actor, work: Work
) -> None:
    """A true token is hung on an event of the owner's own making."""
    approval = ask(olu)
    work()
    approve(provider, approval)
    work()
    [true] = events("lamp.blocked")
    assert human_levels.explain(true).code == "H2"
    record(
        olu,
        "lamp.allowed",
        target=Target("lamp", "hall"),
        intent_hash="cd" * 32,
        evidence=[EvidenceRef(e["kind"], e["digest"]) for e in true["evidence"]],
    )
    [lie] = events("lamp.allowed")
    assert human_levels.explain(lie).code in {"H0", "H1"}


def test_an_entry_that_is_bent_afterwards_is_found(
    lamps: Lamps, provider: PhoneProvider, owner: None, olu: Actor, oona: Actor, work: Work
) -> None:
    """A denial is made an approval in the search row that pages read."""
    approval = ask(olu)
    work()
    provider.answer(approval.current.code, "deny")  # type: ignore[union-attr]
    work()
    sequencer.run_once()
    assert verified() == {}
    EventRow.objects.filter(action="approval.denied").update(
        action="approval.approved", outcome="success", human="H3"
    )
    found = verified()
    assert found and "approval.denied" in json.dumps(list(found.values())), found
