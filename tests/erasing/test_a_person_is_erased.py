"""`subject.erase`: two admins decide, all stores are emptied, proofs hold, a restore is erased."""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from approvals import clock
from approvals.due_work import ASKING
from approvals.erasure import approved_scope, erasure_list_file, job, legal_hold_check, replay
from approvals.erasure.erase_and_legal_hold import ERASE, LIFT, PLACE
from approvals.errors import Refused
from approvals.models import Approval, Ask, Effect, Erasure, Person
from approvals.pipeline.service import perform
from audit.clock import uuid7
from audit.erasure import subject_and_store_registry
from audit.evidence import storage
from audit.ledger import inclusion_proof_file as proofs_format
from audit.ledger.format import entry as entries
from audit.ledger.format.canonical import canonical
from audit.models import Event, EventRow, Openings, QuarantinedRow
from audit.proofs.proofs_and_tiles import proof_for
from audit.recording.actors import Actor, Target
from audit.recording.record import record
from audit.sequencing import sequencer
from audit.verification import verify
from connections.models import (
    ConnectedAccount,
    Freeze,
    LogFact,
    OwnerLetter,
    ReviewItem,
)
from enforcement.models import Asset
from tests.accounts.trail import events
from tests.approvals.asking import code_of, fresh
from tests.approvals.people_of import Phones, acting
from tests.audit.browsing import browser_of, text_of
from tests.erasing import postgresql
from tests.erasing.conftest import Alone
from tests.erasing.paper import says_all
from tests.support.sweeping import sweep

MIA = Actor(
    iss="https://issuer.example/",
    sub="auth0|canary-mia",
    name="Mia Canary-Member",
    email="mia.canary@acme.example",
    ip="192.0.2.77",
)


def work(rounds: int = 1) -> None:
    """Everything that waits is due now, and the log is signed before and after."""
    for _ in range(rounds):
        sequencer.run_once()
        for rows in (Ask, Effect, Approval):
            rows._default_manager.filter(due__isnull=False).update(due=clock.now(), lease=None)
        sweep()
        sequencer.run_once()


def a_life() -> None:
    """Mia signs in, and others say something of her."""
    with_evidence = storage.put("id_token", b"head.eyJzdWIiOiJtaWEifQ.canary-token", MIA.key)
    record(MIA, "operator.signed_in", private={"agent": "canary agent"}, evidence=[with_evidence])
    amir = acting("admin", "admin")
    record(
        amir,
        "connection.suspended",
        target=Target("connection", "c1"),
        reason="asked by mia.canary@acme.example",
        private={"owner": {"iss": MIA.iss, "sub": MIA.sub, "name": MIA.name}},
    )
    record(amir, "audit.viewed", private={"query": {"actor": [MIA.email]}})
    Person.objects.create(
        iss=MIA.iss, sub=MIA.sub, name=MIA.name, email=MIA.email, updated=clock.now()
    )


def in_every_room() -> None:
    """Mia's words in the working rows of the other rooms."""
    now = clock.now()
    whose = {"iss": MIA.iss, "sub": MIA.sub}
    browser_of(MIA)
    account = ConnectedAccount.objects.create(
        **whose,
        connection="github",
        auth0_id="cac_31",  # entries say opaque ids in clear
        label="canary-octo",
        provider_user="canary-octo-7",
        state_reason="canary reason",
        state_since=now,
        source="management",
        seen_at=now,
        watched_since=now,
    )
    OwnerLetter.objects.create(**whose, way="mail", created=now, detail=MIA.email)
    LogFact.objects.create(
        **whose, log_id="log-canary", kind="signed_in", at=now, feed="stream", received=now
    )
    review = Target("review", str(uuid7()))
    due = (now + timedelta(days=2)).date().isoformat()
    asked = {"title": "all", "reviewers": "owners", "due": due}
    perform(acting("admin", "admin"), "review.open", review, params=asked)
    item = Target("review_item", str(ReviewItem.objects.get(account=account.id).id))
    perform(MIA, "review.decide", item, params={"choice": "keep"}, reason="canary keeps it")
    Freeze.objects.create(kind="agent", name="claw", by=MIA.sub, by_name=MIA.name, since=now)
    Asset.objects.create(
        kind="skill", name="pdf", decided_by=MIA.name, decided_sub=MIA.sub, reason="canary said"
    )
    QuarantinedRow.objects.create(
        instance="i",
        table="t",
        row_id="1",
        reason="no_time",
        detail="",
        digest=bytes(32),
        content={"who": MIA.email, "text": "canary row"},
        seen=now,
    )


def erase(phones: Phones, reason: str = "asked by letter") -> Approval:
    """Amir asks, Anya approves on her phone, the worker does the rest."""
    amir, _anya = acting("admin", "admin"), acting("member1", "admin")
    done = perform(amir, ERASE, Target("subject", MIA.key), reason=reason)
    assert done.approval is not None
    work()
    phones.answer("member1", code_of(done.approval), "approve")
    work(4)
    return fresh(done.approval)


def test_the_person_is_gone_the_proofs_hold_and_a_restore_is_erased_again(
    alone: Alone, phones: Phones, tmp_path: Path
) -> None:
    def story() -> None:
        a_life()
        in_every_room()
        sequencer.run_once()
        signed_in = EventRow.objects.get(action="operator.signed_in")
        database = Path(connection.settings_dict["NAME"])
        connection.close()
        shutil.copytree(tmp_path / "evidence-keys", tmp_path / "old-keys")
        if connection.vendor == "sqlite":
            shutil.copy(database, tmp_path / "old.sqlite3")
        approval = erase(phones)
        assert approval.outcome == "approved"
        erasure = Erasure.objects.get()
        assert (erasure.state, erasure.detail) == ("done", "")
        [asked, certificate] = events("subject.erased")
        assert (asked["outcome"], certificate["outcome"]) == ("pending", "success")
        said = certificate["data"]
        assert said["subject"] == MIA.key and said["decision_index"] == asked["index"]
        assert signed_in.seq is not None
        assert [signed_in.seq, signed_in.seq + 2] in said["ranges"], said["ranges"]
        assert said["stores"]["evidence"] == 1 and said["stores"]["people"] == 1
        assert said["events"] >= 3 and said["ranges_exact"] and "backups" in said["out_of_reach"]
        assert {store.name for store in subject_and_store_registry.stores()} == said[
            "stores"
        ].keys()
        assert not Openings.objects.filter(subject=MIA.key).exists()
        assert not Person.objects.filter(sub=MIA.sub).exists()
        assert said["stores"]["identity"] >= 2 and said["stores"]["set_aside"] == 1
        assert not ConnectedAccount.objects.exists() and not LogFact.objects.exists()
        assert Asset.objects.get().decided_by == "[erased]" and Freeze.objects.get().reason == ""
        item = ReviewItem.objects.get()
        assert (item.sub, item.decided_sub, item.reason) == ("[erased]", "[erased]", "")
        assert not subject_and_store_registry.identify(MIA.key).words
        assert_gone(database, tmp_path)
        report = verify.run()
        assert not report.problems, report.problems
        # The proof of the event of an erased person still verifies, over the very same bytes.
        entry = bytes(Event.objects.get(id=signed_in.event).entry)
        assert proofs_format.parse(proof_for(signed_in.event)).index == signed_in.seq
        assert entries.parse(entry)["action"] == "operator.signed_in"
        [stone] = erasure_list_file.read()
        assert (stone.subject, stone.index) == (MIA.key, asked["index"])
        assert MIA.sub not in erasure_list_file.path().read_text()
        if connection.vendor == "sqlite":
            connection.close()
            shutil.copy(tmp_path / "old.sqlite3", database)
            shutil.rmtree(tmp_path / "evidence-keys")
            shutil.copytree(tmp_path / "old-keys", tmp_path / "evidence-keys")
            assert Openings.objects.filter(subject=MIA.key).exists()
            assert replay.run_due() == 1
            assert replay.run_due() == 0
            assert_gone(database, tmp_path)
            assert not (tmp_path / "evidence-keys" / MIA.key).exists()
            [again] = events("erasure.replayed")
            assert again["data"]["replayed"] and again["data"]["decision_index"] == stone.index

    alone(story)


def assert_gone(database: Path, var_dir: Path) -> None:
    """No byte of the database, nor of any file of ours, says who it was."""
    kept = [p for p in var_dir.rglob("*") if p.is_file() and p.parent.name != "old-keys"]
    for path in [*kept, *([database] if connection.vendor == "sqlite" else [])]:
        if path.name != "old.sqlite3":
            assert words_in(path.read_bytes()) == [], path.name
    if connection.vendor == "postgresql":
        for name, raw in postgresql.contents():
            assert words_in(raw) == [], name


def words_in(raw: bytes) -> list[str]:
    return [w for w in (MIA.sub, MIA.name, MIA.email, MIA.ip, "canary") if w.encode() in raw]


def test_a_hold_forbids_it_at_the_asking_at_the_commit_and_while_it_runs(
    alone: Alone, phones: Phones
) -> None:
    target = Target("subject", MIA.key)

    def refused(actor: Actor, verb: str, **more: Any) -> str:
        with pytest.raises(Refused) as caught:
            perform(actor, verb, more.pop("target", target), **more)
        return caught.value.code

    def story() -> None:
        a_life()
        amir, anya = acting("admin", "admin"), acting("member1", "admin")
        matter = {"matter": "2026-114"}
        assert refused(amir, ERASE, target=Target("subject", MIA.email)) == "bad_target"
        assert refused(amir, ERASE, target=Target("subject", "0" * 64)) == "unknown_subject"
        assert refused(acting("operator", "operator"), ERASE) == "not_permitted"
        assert refused(acting("auditor", "auditor"), PLACE, params=matter) == "not_permitted"
        assert refused(amir, PLACE, params=matter) == "reason_required"
        assert refused(amir, LIFT, params=matter) == "not_held"
        placed = perform(amir, PLACE, target, params=matter, reason="a claim of Mia Canary-Member")
        assert placed.event_id is not None, "at once, without a step-up"
        assert refused(anya, PLACE, params=matter, reason="again") == "already_held"
        assert refused(amir, ERASE) == "legal_hold"
        lift = perform(amir, LIFT, target, params=matter, reason="settled")
        assert lift.approval is not None, "lifting waits for another admin"
        answered(phones, lift.approval)
        assert not legal_hold_check.in_force(MIA.key).exists()
        # Asked while nothing held her; a hold placed before the answer wins.
        asked = perform(amir, ERASE, target, reason="asked by letter").approval
        assert asked is not None and MIA.sub not in asked.intent + asked.sentence
        perform(amir, PLACE, target, params={"matter": "b"}, reason="another claim")
        assert fresh(asked).outcome_code == "overtaken_by_requester"
        assert not Erasure.objects.exists()
        again = perform(amir, LIFT, target, params={"matter": "b"}, reason="settled").approval
        assert again is not None
        answered(phones, again)
        # Approved, and held before the job began: nothing is erased.
        approval = perform(amir, ERASE, target, reason="asked by letter").approval
        assert approval is not None
        work()
        phones.answer("member1", code_of(approval), "approve")
        Ask.objects.filter(due__isnull=False).update(due=clock.now(), lease=None)
        sweep(ASKING)
        assert fresh(approval).outcome == "approved" and Erasure.objects.get().state == "pending"
        perform(amir, PLACE, target, params={"matter": "c"}, reason="a third")
        work(2)
        stopped = Erasure.objects.get()
        assert (stopped.state, stopped.steps) == ("failed", {})
        assert Openings.objects.filter(subject=MIA.key).exists() and erasure_list_file.read() == []
        [_, failed] = events("subject.erased")
        assert (failed["outcome"], failed["data"]["failure"]) == ("failure", "legal_hold")
        assert (failed["data"]["ranges"], failed["data"]["subject"]) == ([], MIA.key)

    alone(story)


@pytest.mark.parametrize("when", ["before the run", "while it begins"])
def test_a_restriction_placed_between_approval_and_run_stops_it(
    when: str, alone: Alone, phones: Phones, monkeypatch: pytest.MonkeyPatch
) -> None:
    def story() -> None:
        a_life()
        in_every_room()
        amir, anya = acting("admin", "admin"), acting("member1", "admin")
        person = Target("person", MIA.sub)
        perform(amir, "person.freeze", person, reason="seen before")
        approval = perform(amir, ERASE, Target("subject", MIA.key), reason="by letter").approval
        assert approval is not None and "1 freeze" in approval.sentence
        work()
        phones.answer("member1", code_of(approval), "approve")
        Ask.objects.filter(due__isnull=False).update(due=clock.now(), lease=None)
        sweep(ASKING)
        assert fresh(approval).outcome == "approved" and Erasure.objects.get().state == "pending"

        def restrict(*_: Any) -> None:
            monkeypatch.undo()
            perform(anya, "person.freeze", person, reason="an incident")

        if when == "before the run":
            restrict()
        else:
            monkeypatch.setattr(erasure_list_file, "add", restrict)
        work(2)
        stopped = Erasure.objects.get()
        assert (stopped.state, stopped.detail) == (
            "failed",
            "others restricted more of the person after the approval: decide again",
        )
        assert set(stopped.steps) <= {"identity"}
        assert Freeze.objects.filter(name=MIA.sub).count() == 2
        assert (
            ConnectedAccount.objects.filter(sub=MIA.sub).exists() and erasure_list_file.read() == []
        )
        [_, failed] = events("subject.erased")
        assert (failed["outcome"], failed["data"]["failure"]) == ("failure", "restricted_meanwhile")
        again = erase(phones)
        assert "2 freezes" in again.sentence
        assert Erasure.objects.latest("begun").state == "done"
        assert not Freeze.objects.filter(name=MIA.sub).exists()

    alone(story)


def answered(phones: Phones, approval: Approval) -> None:
    """Anya approves on her phone."""
    work()
    phones.answer("member1", code_of(approval), "approve")
    work(2)
    assert fresh(approval).outcome == "approved"


def test_it_goes_on_after_a_kill_anywhere_and_whoever_it_is_about_does_not_decide(
    alone: Alone, phones: Phones, settings: Any
) -> None:
    def story() -> None:
        a_life()
        sequencer.run_once()
        mia = Person.objects.get(sub=MIA.sub)
        mia.roles = ["admin"]
        mia.save()
        target = Target("subject", MIA.key)
        with pytest.raises(Refused) as own:
            perform(replace(mia.as_actor("web"), fresh=True), ERASE, target, reason="me")
        assert own.value.code == "needs_another_person"
        assert not Approval.objects.exists(), "whoever is erased asks nobody for it themselves"
        amir = acting("admin", "admin")
        acting("member1", "admin")
        fresh_mia = replace(mia.as_actor("web"), fresh=True)
        perform(fresh_mia, ERASE, Target("subject", amir.key), reason="another")
        with pytest.raises(Refused) as waits:
            perform(amir, ERASE, target, reason="she asked for something")
        assert waits.value.code == "requests_open"
        made = Erasure(id=uuid7(), subject=MIA.key, operation="op-1", begun=clock.now())
        approved_scope.begin(made)
        record(
            acting("admin", "admin"),
            "subject.erased",
            outcome="pending",
            operation="op-1",
            target=Target("subject", MIA.key),
            data=approved_scope.scope(made),
        )
        sequencer.run_once()
        # A call without time does nothing; between two stores the worker may die.
        while made.state != "done":
            assert job.go_on(made, budget_s=0.0).state in {"pending", "done"}
            forward_one(made)
            made.refresh_from_db()
        assert made.state == "done" and not subject_and_store_registry.identify(MIA.key).people
        assert job.go_on(made).state == "done", "done stays done"
        # The list is append-only and authenticated; a line cut short by a crash is written anew.
        text = erasure_list_file.path().read_bytes()
        erasure_list_file.path().write_bytes(text + b"0123 {")
        erasure_list_file.add("a" * 64, 7)
        assert [stone.index for stone in erasure_list_file.read()] == [made.index, 7]
        settings.EVIDENCE_KEY, settings.EVIDENCE_KEY_PREVIOUS = bytes(32), bytes(range(32))
        erasure_list_file.add("b" * 64, 8)
        assert [stone.index for stone in erasure_list_file.read()] == [made.index, 7, 8]
        assert erasure_list_file.reseal() == 3 and erasure_list_file.reseal() == 0
        settings.EVIDENCE_KEY_PREVIOUS = b""
        assert len(erasure_list_file.read()) == 3, "under the new key alone"
        settings.EVIDENCE_KEY = bytes(range(32))
        with pytest.raises(erasure_list_file.TombstonesDamaged, match="line 1"):
            erasure_list_file.read()
        settings.EVIDENCE_KEY = bytes(32)
        whole = erasure_list_file.path().read_bytes().splitlines(keepends=True)
        erasure_list_file.path().write_bytes(whole[1])
        with pytest.raises(erasure_list_file.TombstonesDamaged):
            replay.run_due()

    alone(story)


def forward_one(made: Erasure) -> None:
    """Do exactly the next store, whatever the time."""
    for store in subject_and_store_registry.stores():
        if store.name not in made.steps:
            job._erase_one(made, store, float("inf"))
            return


def test_the_pages_lead_from_a_name_to_the_certificate(alone: Alone, phones: Phones) -> None:
    def story() -> None:
        a_life()
        sequencer.run_once()
        amir = browser_of(acting("admin", "admin"))
        assert "No one is erased, and no legal hold" in text_of(amir.get("/audit/erasures/"))
        assert "No one of that name" in text_of(amir.post("/audit/erasures/", {"who": "zzz"}))
        page = f"/audit/erasures/{MIA.key}/"
        for who in ("canary-member", MIA.email, MIA.sub):
            assert page in text_of(amir.post("/audit/erasures/", {"who": who}))
        shown = text_of(amir.get(page))
        assert MIA.name in shown and "Evidence about the person" in shown and "Erase…" in shown
        assert amir.get("/audit/erasures/nobody/").status_code == 404
        decide = page + "decide/"
        assert amir.post(decide, {"verb": "policy.change"}).status_code == 404
        assert amir.get(decide).status_code == 405
        watching = browser_of(acting("auditor", "auditor"))
        assert "Erase…" not in text_of(watching.get(page)), "an auditor observes"
        assert watching.post(decide, {"verb": ERASE}).status_code == 403
        assert browser_of(acting("operator", "operator")).get(page).status_code == 403
        held = {"verb": PLACE, "matter": "m-1", "reason": "a claim"}
        assert amir.post(decide, held)["Location"] == page
        assert "legal hold is in force" in text_of(amir.get(page))
        assert "m-1" in text_of(watching.get("/audit/erasures/"))
        assert amir.post(decide, {"verb": ERASE, "reason": "x"})["Location"] == "/audit/erasures/"
        assert events("access.refused")[-1]["data"]["code"] == "legal_hold"
        acting("member1", "admin")
        asked = amir.post(decide, {"verb": LIFT, "matter": "m-1", "reason": "settled"})
        answered(phones, Approval.objects.get(pk=asked["Location"].split("/")[2]))
        asked = amir.post(decide, {"verb": ERASE, "reason": "asked by letter"})
        answered(phones, Approval.objects.get(pk=asked["Location"].split("/")[2]))
        work(3)
        erasure = Erasure.objects.get()
        listed = text_of(amir.get("/audit/erasures/"))
        assert "erased" in listed and f"{erasure.id}/certificate" in listed
        assert "Erased person" in text_of(amir.get(page))
        made = amir.get(f"/audit/erasures/{erasure.id}/certificate").json()
        sheet = f"/audit/erasures/{erasure.id}/certificate?page"
        says_all(text_of(amir.get(sheet)), made)
        assert browser_of(acting("operator", "operator")).get(sheet).status_code == 403
        leaf = entries.parse(made["entry"].encode())
        proof = proofs_format.parse(made["proof"])
        assert proof.index == made["index"] and leaf["data"]["certificate"]
        digest = hashlib.sha256(canonical(made["ranges"])).hexdigest()
        assert leaf["data"]["ranges_sha256"] == digest

    alone(story)
