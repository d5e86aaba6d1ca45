"""Whoever writes the database, without any key, turns or widens no erasure that people approved."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import cache

from approvals import clock
from approvals.erasure import approved_scope, erasure_list_file, job, replay
from approvals.models import Effect, Erasure, ErasureState, Person
from approvals.outbox import step_execution
from approvals.pipeline import commit
from approvals.registry import EffectResult, EffectRun, EffectSpec
from audit.clock import uuid7
from audit.erasure import audit_app_stores, subject_and_store_registry
from audit.evidence import storage
from audit.models import Entry, Event, EventRow, Openings
from audit.recording.actors import Actor, Target
from audit.recording.record import record
from audit.sequencing import sequencer
from audit.verification import continuous
from portal.pages import ledger_status
from tests.accounts.trail import events
from tests.approvals.people_of import acting
from tests.attacks.tamper import owner
from tests.attacks.tamper.verifying import report, verified

pytestmark = pytest.mark.django_db

ISS = "https://issuer.example/"
MIA = Actor(iss=ISS, sub="auth0|mia-member", name="Mia Canary-Member", email="mia@acme.example")
OLU = Actor(iss=ISS, sub="auth0|olu", name="Olu Operator", email="olu@acme.example")
OPERATION = "op-erase-mia"


@pytest.fixture(autouse=True)
def _own_ground(settings: Any, tmp_path: Path) -> None:
    settings.VAR_DIR = tmp_path
    settings.EVIDENCE_KEY = bytes(range(32))
    settings.LEDGER_ORIGIN, settings.LEDGER_KEY_FILE = "ledger.example/test", None
    storage.forget_read()
    cache.clear()


def decided(person: Actor, operation: str) -> Erasure:
    """An erasure as its commit leaves it, with the decision in the signed log."""
    made = Erasure(id=uuid7(), subject=person.key, operation=operation, begun=clock.now())
    approved_scope.begin(made)
    record(acting("admin", "admin"), "subject.erased", outcome="pending", operation=operation,
           target=Target("subject", person.key), data=approved_scope.scope(made))  # fmt: skip
    sequencer.run_once()
    return made


@pytest.fixture
def approved() -> Erasure:
    """The erasure of Mia was approved and has emptied nothing; Olu works here too."""
    for person in (MIA, OLU):
        Person.objects.create(
            iss=person.iss, sub=person.sub, name=person.name, email=person.email,
            updated=clock.now(),
        )  # fmt: skip
        record(person, "operator.signed_in", reason=f"{person.name} came")
    return decided(MIA, OPERATION)


def begun(erasure: Erasure) -> Erasure:
    """The same with a few stores emptied and all others waiting."""
    assert job.go_on(erasure, budget_s=-1.0).state == "pending"
    erasure.refresh_from_db()
    for store in subject_and_store_registry.stores()[:3]:
        job._erase_one(erasure, store, float("inf"))
    erasure.refresh_from_db()
    return erasure


def finished(erasure: Erasure) -> Erasure:
    """Carried out, but for the file of the database: it is not written anew in a transaction."""
    erasure.steps = {**erasure.steps, audit_app_stores.DATABASE: 0}
    approved_scope.save(erasure, ["steps"])
    for _ in range(5):
        if carried_out(erasure).state != "pending":
            break
        sequencer.run_once()
    erasure.refresh_from_db()
    return erasure


def write(erasure: Erasure, **fields: Any) -> None:
    assert Erasure.objects.filter(pk=erasure.pk).update(**fields) == 1


def at(operation: str = OPERATION) -> int:
    [decision] = [e for e in events("subject.erased") if e["operation"] == operation][:1]
    index: int = decision["index"]
    return index


def turned(erasure: Erasure) -> None:
    write(erasure, subject=OLU.key)


def turned_with_its_entry(erasure: Erasure) -> None:
    """Also the entry of the decision is rewritten, as far as a database goes."""
    entry = Entry.objects.get(seq=at())
    event = Event.objects.get(pk=entry.event_id)
    raw = bytes(event.entry).replace(MIA.key.encode(), OLU.key.encode())
    owner.overwrite(Event, event.pk, "entry", raw)
    write(erasure, subject=OLU.key, seal="")


def unsealed(erasure: Erasure) -> None:
    write(erasure, subject=OLU.key, seal="")


def of_another_seal(erasure: Erasure) -> None:
    other = decided(OLU, "op-other")
    Erasure.objects.filter(pk=other.pk).delete()
    write(erasure, subject=OLU.key, seal=other.seal)


def longer_list(erasure: Erasure) -> None:
    write(erasure, emptied={**erasure.emptied, "connections.review:1": ["title"]})


def skipping(erasure: Erasure) -> None:
    write(erasure, steps={store.name: 0 for store in subject_and_store_registry.stores()})


def certified(erasure: Erasure) -> None:
    """The row says that it is done, with a certificate of its own."""
    said = {"certificate": True, "subject": MIA.key, "events": 0, "ranges": []}
    write(erasure, state=ErasureState.DONE, certificate=said)


def as_replayed(erasure: Erasure) -> None:
    """To be past a legal hold."""
    write(erasure, replayed=True)


ATTACKS = [
    pytest.param(attack, id=attack.__name__)
    for attack in (
        *(turned, turned_with_its_entry, unsealed, of_another_seal, longer_list, skipping),
        *(certified, as_replayed),
    )
]


def carried_out(erasure: Erasure) -> EffectResult:
    run = EffectRun("e", 1, erasure.operation, "", "")
    return job.erase({"erasure": str(erasure.pk)}, run)


def assert_refused(erasure: Erasure) -> None:
    """Nothing of Olu is gone, and the refusal is told: result, alarm, verification, banner."""
    before = (Openings.objects.count(), EventRow.objects.filter(actor_name=MIA.name).count())
    for _ in range(2):
        told = carried_out(erasure)
        assert (told.state, told.data["failure"]) == ("failed", approved_scope.CODE)
    assert set(told.data) == {"failure", "decision_index"}, "no list that somebody else wrote"
    alarms = events("ledger.alarm")
    assert len(alarms) == 1, "told once"
    assert alarms[0]["data"]["code"] == approved_scope.CODE and alarms[0]["severity"] == "CRITICAL"
    assert Openings.objects.count() >= before[0]
    assert EventRow.objects.filter(actor_name=MIA.name).count() == before[1]
    assert Person.objects.filter(sub=OLU.sub).exists()
    assert not any(stone.subject == OLU.key for stone in erasure_list_file.read())
    assert Erasure.objects.get(pk=erasure.pk).state == ErasureState.FAILED
    found = [one for one in report()["problems"] if one["code"] == "decision"]
    assert any(one["index"] == at() for one in found), found


def seen_by_rounds() -> str:
    verifying = continuous.Rounds()
    for _ in range(3):
        verifying.turn(budget_s=30.0)
    return ledger_status.broken()


@pytest.mark.parametrize("attack", ATTACKS)
def test_an_approved_erasure_that_was_changed_before_it_began_empties_nothing(
    approved: Erasure, attack: Callable[[Erasure], None]
) -> None:
    attack(approved)
    assert_refused(approved)


@pytest.mark.parametrize("attack", ATTACKS)
def test_an_erasure_that_was_changed_half_way_empties_nothing_more(
    approved: Erasure, attack: Callable[[Erasure], None]
) -> None:
    attack(begun(approved))
    assert_refused(approved)


def test_the_banner_says_so_before_the_job_comes_to_it(approved: Erasure) -> None:
    turned(approved)
    assert f"index {at()}: the erasure of this entry" in seen_by_rounds()
    assert verified()["decision", at()]


def test_the_step_says_that_it_failed_and_why(approved: Erasure) -> None:
    [step] = commit.add_effects(
        [EffectSpec(job.ERASE, {"erasure": str(approved.pk)})],
        verb="subject.erase", event="subject.erased", actor=acting("admin", "admin"),
        target=Target("subject", MIA.key), operation=OPERATION, approval=None, severity="CRITICAL",
    )  # fmt: skip
    turned(approved)
    Effect.objects.update(lease=clock.now())
    step_execution.run(Effect.objects.get(pk=step.pk))
    said = events("subject.erased")[-1]
    assert (said["outcome"], said["data"]["failure"]) == ("failure", approved_scope.CODE)
    assert said["data"]["decision_index"] == at() and "ranges" not in said["data"]
    sequencer.run_once()
    assert "of another person" in report()["problems"][0]["message"]
    turned_back = {"subject": MIA.key}
    write(approved, **turned_back)
    assert "was refused" in verified()["decision", at()]
    assert finished(decided(MIA, "op-again")).state == ErasureState.DONE
    assert ("decision", at()) not in verified(), "decided again, and done"


@pytest.mark.parametrize("replayed", [False, True])
@pytest.mark.parametrize("index", [None, 0])
def test_an_erasure_that_nobody_decided_empties_nothing(
    approved: Erasure, index: int | None, replayed: bool
) -> None:
    forged = Erasure.objects.create(
        id=uuid7(), subject=OLU.key, operation="op-forged", index=index, replayed=replayed,
        begun=clock.now(),
    )  # fmt: skip
    assert carried_out(forged).state in {"failed", "pending"}
    replay.run_due()
    assert Person.objects.filter(sub=OLU.sub).exists() and erasure_list_file.read() == []
    assert any(str(forged.pk) in one["message"] for one in report()["problems"])


def test_a_decision_that_was_written_as_an_event_empties_nothing(approved: Erasure) -> None:
    """Whoever writes events as the portal did before it sealed them: nobody signed the intent."""
    record(acting("admin", "admin"), "subject.erased", outcome="pending", operation="op-forged",
           target=Target("subject", OLU.key), data={"subject": OLU.key})  # fmt: skip
    sequencer.run_once()
    forged = Erasure.objects.create(
        id=uuid7(), subject=OLU.key, operation="op-forged", begun=clock.now()
    )
    told = carried_out(forged)
    assert (told.state, told.data["failure"]) == ("failed", approved_scope.CODE)
    assert Person.objects.filter(sub=OLU.sub).exists()


def test_a_row_puts_nobody_on_the_list_outside_the_database(approved: Erasure) -> None:
    """Else it would be replayed once the row is gone."""
    forged = Erasure.objects.create(
        id=uuid7(), subject=OLU.key, operation="op-forged", index=0, state="done",
        begun=clock.now(),
    )  # fmt: skip
    replay.note_missing()
    forged.delete()
    replay.run_due()
    assert erasure_list_file.read() == [] and Person.objects.filter(sub=OLU.sub).exists()


def test_a_step_that_leads_to_another_erasure_certifies_nothing(approved: Erasure) -> None:
    other = decided(OLU, "op-other")
    run = EffectRun("e", 1, OPERATION, "", "")
    told = job.erase({"erasure": str(other.pk)}, run)
    assert (told.state, told.data["failure"]) == ("failed", approved_scope.CODE)
    other.refresh_from_db()
    assert other.state == ErasureState.PENDING and approved_scope.is_sealed(other)


def test_an_erasure_that_is_gone_is_missed(approved: Erasure) -> None:
    assert verified() == {}
    Erasure.objects.all().delete()
    assert carried_out(approved).data["failure"] == approved_scope.CODE
    assert "is missing from the database" in verified()["decision", at()]


def test_what_people_approved_is_carried_out(approved: Erasure) -> None:
    """None of it stands in the way of an honest one, across a change of EVIDENCE_KEY."""
    begun(approved)
    assert verified() == {}
    data = next(e["data"] for e in events("subject.erased"))
    assert data["subject"] == MIA.key and "requests" in data["reaches"]
    named = {name: data[name] for name in ("erasure", "reaches", "subject")}
    assert data["scope_sha256"] == approved_scope._digest(named)
    assert finished(approved).state == ErasureState.DONE and not events("ledger.alarm")
    assert Person.objects.filter(sub=OLU.sub).exists()


def test_a_changed_key_seals_anew(approved: Erasure, settings: Any) -> None:
    settings.EVIDENCE_KEY, settings.EVIDENCE_KEY_PREVIOUS = bytes(32), bytes(range(32))
    assert approved_scope.is_sealed(approved)
    approved_scope.reseal()
    settings.EVIDENCE_KEY_PREVIOUS = b""
    approved.refresh_from_db()
    assert approved_scope.is_sealed(approved)
    settings.EVIDENCE_KEY = bytes(range(32))
    assert not approved_scope.is_sealed(approved)
