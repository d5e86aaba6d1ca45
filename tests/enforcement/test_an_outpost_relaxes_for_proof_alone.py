"""What relaxes something at an outpost goes with proof of a person's decision, or not at all."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.db import transaction

from approvals import clock, people_and_roles, policy, registry
from approvals.errors import NothingToDo, Refused
from approvals.models import Approval, Ask, Effect, Passkey, Person
from approvals.passkeys import assertions, relying_party
from approvals.pipeline import deny_expire_cancel, final_approval, locks
from approvals.pipeline.service import perform
from approvals.policy import evaluation
from approvals.policy.sentences import if_nobody_answers
from ata.outpost import replacement_for_refused_report
from ata.outpost.commands import gateway_calls
from ata.outpost.commands.signed_command import Command
from audit.evidence import storage
from audit.keys import keyring
from audit.ledger import inclusion_proof_file, passkey_assertions
from audit.ledger.passkey_assertions import Passkey as Trusted
from audit.models import EventRow
from audit.recording.actors import Actor, Target
from audit.recording.record import record
from audit.sequencing import sequencer
from enforcement.models import Asset, Outpost, OutpostState
from enforcement.outposts import trust_pinned_at_enrolment
from tests.audit import imports
from tests.enforcement.answering import approve, deny
from tests.enforcement.browsing import browser
from tests.enforcement.gateways import Town, known, sentences
from tests.enforcement.outpost_device import Device
from tests.enforcement.test_an_outpost_gets_signed_commands import EDGE, SKILL, result, row
from tests.enforcement.test_rows_are_matched_by_tags import take
from tests.support.authenticator import Authenticator

pytestmark = pytest.mark.django_db
Work = Callable[[], None]


@pytest.fixture
def key(olu: Actor) -> Authenticator:
    """Oona's passkey, which a second person confirmed."""
    return confirmed_passkey()


def confirmed_passkey() -> Authenticator:
    """Enrol a passkey of Oona that approves for others."""
    made, key = bare_passkey()
    record(
        key.person.as_actor(via="web"),
        "passkey.enrolled",
        target=Target("passkey", key.handle),
        data={
            "credential_id": key.credential_id,
            "public_key": base64.b64encode(made.spki).decode(),
            "rp_id": key.rp_id,
            "origins": key.origins,
            "counts_for": "others",
        },
        private={"owner": {"iss": key.person.iss, "sub": key.person.sub}},
    )
    return made


def bare_passkey() -> tuple[Authenticator, Passkey]:
    """The row of a passkey of Oona and nothing else, as somebody could write it."""
    made = Authenticator(relying_party.rp_id(), relying_party.origin())
    long_ago = clock.now() - timedelta(days=1)
    oona = known("operator2", "operator", name="Oona Operator")
    key = Passkey.objects.create(
        handle=secrets.token_hex(11),
        credential_id=made.id,
        public_key=made.spki,
        algorithm=-7,
        person=oona,
        rp_id=made.rp_id,
        origins=[made.origin],
        name="Key",
        attestation="none",
        enrolled=long_ago,
        enrolled_by="",
        approver_since=long_ago,
    )
    return made, key


@pytest.fixture
def device(town: Town, key: Authenticator) -> Device:
    """The outpost of edge-1."""
    known("admin2", "admin", name="Anna Admin")
    return Device(instance=EDGE).enrol(known("admin", "admin").as_actor(via="web"))


def oona() -> Actor:
    found = people_and_roles.find("https://issuer.test/", known("operator2", "operator").sub)
    assert found is not None
    return found.as_actor(via="web")


def signs(key: Authenticator, asked: Approval, decision: Any) -> Approval:
    """Oona answers with her passkey, over what she was asked."""
    credential = key.sign(assertions.challenge(asked, decision))
    return assertions.give(oona(), str(asked.pk), decision, credential)


def ask(actor: Actor, verb: str, target: Target = SKILL) -> Approval:
    """A request that Oona is asked about and may answer with her passkey."""
    asked = perform(actor, verb, target, reason="a mistake", severity="CRITICAL").approval
    assert asked is not None
    Ask.objects.filter(approval=asked).update(
        channel="either", person=known("operator2", "operator")
    )
    return asked


def held_at_outpost(device: Device, olu: Actor, do_due: Work) -> None:
    perform(olu, "skill.hold", SKILL)
    do_due()
    [command] = device.commands()
    device.send(commands=[result(command, entries=[row("pdf-exfil", runtime="disable")])])
    do_due()


def step(kind: str) -> Effect:
    return Effect.objects.filter(kind=kind).latest("id")


def proven(evidence: dict[str, Any], command: dict[str, Any], decision: str) -> None:
    """Verify evidence as an outpost does, with what it pinned."""
    entry = base64.b64decode(evidence["entry"])
    inclusion_proof_file.verify(evidence["proof"], entry, keyring.vkeys())
    said = json.loads(entry)
    assert said["intent_hash"] == command["intent_hash"]
    assert said["operation"] == command["operation"]
    text = evidence["intent"].encode()
    assert hashlib.sha256(b"ata.intent.v1\n" + text).hexdigest() == command["intent_hash"]
    human, pinned = evidence["human"], trust_pinned_at_enrolment.current()
    assert (human["kind"], human["decision"]) == ("passkey", decision)
    [one] = [one for one in pinned["passkeys"] if one["id"] == human["credential_id"]]
    body = {
        "approval_id": human["approval_id"],
        "decision": human["decision"],
        "role": human["role"],
        "credential": {
            "id": human["credential_id"],
            "type": "public-key",
            "response": {
                "clientDataJSON": human["client_data"],
                "authenticatorData": human["authenticator_data"],
                "signature": human["signature"],
            },
        },
    }
    trusted = Trusted(
        base64.urlsafe_b64decode(one["public_key"] + "=="),
        one["iss"],
        one["sub"],
        pinned["rp_id"],
        frozenset([pinned["web_origin"]]),
    )
    signed = json.dumps(body).encode()
    found = passkey_assertions.verify(signed, command["intent_hash"], {one["id"]: trusted})
    assert one["approver"] and found.decision == decision


def test_a_release_waits_for_the_log_and_goes_with_its_proof(
    device: Device, key: Authenticator, olu: Actor, do_due: Work
) -> None:
    held_at_outpost(device, olu, do_due)
    signs(key, ask(olu, "skill.release"), "approve")
    do_due()
    assert (
        device.commands() == [] and "Waits until the signed log" in step("gateway.release").detail
    )
    sequencer.run_once()
    do_due()
    [found] = json.loads(device.fetch().content)["commands"]
    assert found["command"]["act"] == "release"
    proven(found["evidence"], found["command"], "approve")
    device.send(commands=[result(found["command"], entries=[])])
    do_due()
    assert step("gateway.release").state == "done"


def test_a_refused_proof_is_shown(
    device: Device, key: Authenticator, olu: Actor, do_due: Work
) -> None:
    held_at_outpost(device, olu, do_due)
    signs(key, ask(olu, "skill.release"), "approve")
    sequencer.run_once()
    do_due()
    [command] = device.commands()
    said = {"state": "refused", "code": "proof_refused", "detail": "The checkpoint is older."}
    device.send(commands=[result(command, **said)])
    do_due()
    found = step("gateway.release")
    words = "The outpost at edge-1 did not accept the proof: The checkpoint is older."
    assert (found.state, found.detail) == ("failed", words)


def test_an_outcome_that_this_portal_refused_is_shown_as_not_known_here(
    device: Device, olu: Actor, do_due: Work
) -> None:
    perform(olu, "skill.hold", SKILL)
    do_due()
    [command] = device.commands()
    outcome = {"id": command["id"], "n": command["n"]}
    short = replacement_for_refused_report._in_short(outcome, "invalid_request")
    assert device.send(commands=[short]).status_code == 200
    do_due()
    found = step("gateway.hold")
    assert (found.state, found.detail) == (
        "failed",
        "What the outpost at edge-1 did is not known here. The portal refused its report "
        "(invalid_request); `ata outpost status` at the gateway has it.",
    )


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("unproven", "does not know whether it did it: It"),
        ("refused", "did not accept the proof: It"),
    ],
)
@pytest.mark.parametrize("entries", [None, []])
def test_a_release_without_a_reading_leaves_the_hold_shown(
    device: Device,
    key: Authenticator,
    olu: Actor,
    do_due: Work,
    state: str,
    words: str,
    entries: list[Any] | None,
) -> None:
    device.send(entries=[row("pdf-exfil", runtime="disable")])
    held_at_outpost(device, olu, do_due)
    signs(key, ask(olu, "skill.release"), "approve")
    sequencer.run_once()
    do_due()
    [command] = device.commands()
    said = {"state": state, "code": "entries_unreadable", "detail": "It could not be read."}
    device.send(commands=[result(command, entries=entries, **said)])
    do_due()
    ended = step("gateway.release")
    assert ended.state == "failed" and words in ended.detail
    assert OutpostState.objects.get().entries == [row("pdf-exfil", runtime="disable")]


def test_a_release_that_failed_can_be_asked_for_again(
    device: Device, key: Authenticator, olu: Actor, do_due: Work
) -> None:
    held_at_outpost(device, olu, do_due)
    disabled = [row("pdf-exfil", runtime="disable")]
    said = {"state": "failed", "code": "gateway_down", "detail": "It is down."}
    for first, ended in (({"entries": disabled} | said, "failed"), ({"entries": []}, "done")):
        signs(key, ask(olu, "skill.release"), "approve")
        sequencer.run_once()
        do_due()
        [command] = device.commands()
        assert command["act"] == "release"
        device.send(commands=[result(command, **first)])
        do_due()
        assert step("gateway.release").state == ended
    with pytest.raises(NothingToDo):
        perform(olu, "skill.release", SKILL)


@pytest.mark.parametrize("row", ["kept", "deleted with its commands"])
def test_a_hold_of_a_revoked_outpost_is_not_called_released(
    device: Device, olu: Actor, do_due: Work, row: str
) -> None:
    held_at_outpost(device, olu, do_due)
    if row != "kept":
        Outpost.objects.all().delete()
    amir = known("admin", "admin", name="Amir Admin").as_actor(via="web")
    revoked = perform(amir, "outpost.revoke", Target("outpost", EDGE), reason="lost").approval
    if revoked is not None:
        approve(revoked)
    approve(ask(olu, "skill.release"))
    do_due()
    ended = step("gateway.release")
    assert ended.state == "failed" and ended.detail.startswith("Not lifted: the outpost")


def test_an_approval_that_nobody_signed_relaxes_nothing(
    device: Device, olu: Actor, do_due: Work
) -> None:
    held_at_outpost(device, olu, do_due)
    approve(ask(olu, "skill.release"))
    sequencer.run_once()
    do_due()
    assert device.commands() == []
    found = step("gateway.release")
    assert found.state == "failed" and "relaxes nothing without proof" in found.detail


@pytest.mark.parametrize("minutes", [5, -5])
def test_a_token_is_given_to_an_outpost_once_it_expired(
    device: Device, olu: Actor, do_due: Work, minutes: int
) -> None:
    held_at_outpost(device, olu, do_due)
    asked = ask(olu, "skill.release")
    expires = clock.now() + timedelta(minutes=minutes)
    token = storage.put("approval_token", b"a.b.c", not_before_release=expires)
    with transaction.atomic():
        locked = locks.locked(asked.pk)
        current = locked.current
        assert current is not None
        final_approval.approve(locked, current, oona(), signed=True, evidence=[token])
    sequencer.run_once()
    do_due()
    found = json.loads(device.fetch().content)["commands"]
    if minutes > 0:
        assert found == [] and "Waits for the proof" in step("gateway.release").detail
    else:
        assert found[0]["evidence"]["human"] == {"kind": "token", "jwt": "a.b.c"}


def test_what_relaxes_at_an_outpost_always_asks_a_person(device: Device, olu: Actor) -> None:
    """Also where policy would commit a mild release of one's own hold at once."""
    verb = registry.get("skill.release")
    elsewhere = Target("skill", "pdf-exfil", "edge-2")
    for target, kind in ((SKILL, "require"), (elsewhere, "commit")):
        found = evaluation.decide(policy.current(), olu, verb, target, "LOW")
        assert found.kind == kind, target


def asked_and_held(device: Device, olu: Actor, do_due: Work) -> Approval:
    """A request to block it, which holds it while it waits."""
    asked = ask(olu, "skill.block", SKILL)
    assert asked.held
    do_due()
    [command] = device.commands()
    device.send(commands=[result(command, entries=[row("pdf-exfil", runtime="disable")])])
    do_due()
    return asked


def test_a_denial_by_phone_leaves_the_hold_until_it_is_signed(
    device: Device, key: Authenticator, olu: Actor, do_due: Work
) -> None:
    asked = asked_and_held(device, olu, do_due)
    deny(asked)
    do_due()
    asked.refresh_from_db()
    assert asked.held and Asset.objects.get(name="pdf-exfil").holder == str(asked.pk)
    assert not Effect.objects.filter(kind="gateway.release").exists()
    page = browser("operator2", "operator", name="Oona Operator").get(f"/approvals/{asked.pk}/")
    assert "Sign your denial with your passkey" in page.content.decode()
    signs(key, asked, "deny")
    sequencer.run_once()
    do_due()
    [found] = json.loads(device.fetch().content)["commands"]
    assert found["command"]["act"] == "release"
    proven(found["evidence"], found["command"], "deny")
    with pytest.raises(Refused):
        signs(key, asked, "deny")
    assert EventRow.objects.filter(action="approval.denied").count() == 2


def test_who_had_to_approve_first_signs_a_denial_also_without_the_role(
    device: Device, key: Authenticator, olu: Actor, do_due: Work
) -> None:
    asked, who = asked_and_held(device, olu, do_due), oona()
    deny(asked)
    asked.refresh_from_db()
    assert deny_expire_cancel.waits_for_signed_denial(asked, who)
    known("operator2")
    assert not deny_expire_cancel.waits_for_signed_denial(asked, who), "the role was lost"
    asked.rule = {**asked.rule, "first": {"iss": who.iss, "sub": who.sub}}
    assert deny_expire_cancel.waits_for_signed_denial(asked, who)


def test_a_denial_is_signed_no_later_than_an_outpost_counts_it(
    device: Device, key: Authenticator, olu: Actor, do_due: Work
) -> None:
    asked = asked_and_held(device, olu, do_due)
    deny(asked)
    ends = datetime.fromisoformat(json.loads(asked.intent)["not_after"])
    with time_machine.travel(ends + timedelta(minutes=16)):
        with pytest.raises(Refused, match="The time to answer is over"):
            signs(key, asked, "deny")
        page = browser("operator2", "operator", name="Oona Operator").get(f"/approvals/{asked.pk}/")
        assert "Sign your denial with your passkey" not in page.content.decode()
    asked.refresh_from_db()
    assert asked.held and Asset.objects.get(name="pdf-exfil").holder == str(asked.pk)
    with time_machine.travel(ends + timedelta(minutes=14)):
        signs(key, asked, "deny")
    assert Asset.objects.get(name="pdf-exfil").holder == ""


def test_a_denial_is_signed_by_nobody_who_lost_the_role(
    device: Device, key: Authenticator, olu: Actor, do_due: Work
) -> None:
    asked = asked_and_held(device, olu, do_due)
    deny(asked)
    before = oona()
    Person.objects.filter(sub=before.sub).update(roles=[])
    credential = key.sign(assertions.challenge(asked, "deny"))
    with pytest.raises(Refused):
        assertions.give(before, str(asked.pk), "deny", credential)
    asked.refresh_from_db()
    assert asked.held and Asset.objects.get(name="pdf-exfil").holder == str(asked.pk)


def test_a_denial_by_passkey_ends_its_hold(
    device: Device, key: Authenticator, olu: Actor, do_due: Work
) -> None:
    asked = asked_and_held(device, olu, do_due)
    signs(key, asked, "deny")
    assert Asset.objects.get(name="pdf-exfil").holder == ""
    sequencer.run_once()
    do_due()
    [found] = json.loads(device.fetch().content)["commands"]
    proven(found["evidence"], found["command"], "deny")


def test_a_hold_that_stays_is_ended_by_the_denial_of_its_own_request(
    device: Device, key: Authenticator, olu: Actor, do_due: Work
) -> None:
    first = perform(olu, "skill.block", SKILL, severity="HIGH").approval
    assert first is not None
    asks = Ask.objects.filter(approval=first)
    asks.update(channel="either", person=known("operator2", "operator"))
    amir = known("admin", "operator", "admin").as_actor(via="web")
    second = ask(amir, "skill.block")
    do_due()
    disabled = [row("pdf-exfil", runtime="disable")]
    for denied, acts in ((second, ["hold", "release", "hold"]), (first, ["release"])):
        fetched: list[dict[str, Any]] = []
        for sign in (False, True):
            if sign:
                signs(key, denied, "deny")
                sequencer.run_once()
                do_due()
            while waiting := device.commands():
                fetched += waiting
                device.send(commands=[result(one, entries=disabled) for one in waiting])
                do_due()
        assert [one["act"] for one in fetched] == acts
        assert {one["intent_hash"] for one in fetched if one["act"] == "release"} == {
            denied.intent_hash
        }
        if denied == second:
            assert fetched[-1]["intent_hash"] == first.intent_hash


def test_a_withdrawal_leaves_the_hold_at_an_outpost(
    device: Device, olu: Actor, do_due: Work
) -> None:
    asked = asked_and_held(device, olu, do_due)
    with transaction.atomic():
        deny_expire_cancel.cancel(locks.locked(asked.pk), olu)
    asked.refresh_from_db()
    assert asked.held and Asset.objects.get(name="pdf-exfil").holder == str(asked.pk)


def test_nobody_is_told_that_an_unanswered_hold_ends_there(
    device: Device, olu: Actor, do_due: Work
) -> None:
    asked = asked_and_held(device, olu, do_due)
    rule = asked.rule | {"on_expiry": "release"}
    assert "the hold stays until someone decides" in if_nobody_answers(rule)
    assert "the hold ends" in if_nobody_answers(rule | {"signed_denial": False})


def test_elsewhere_a_denial_by_phone_ends_the_hold_as_before(
    device: Device, olu: Actor, do_due: Work
) -> None:
    asked = ask(olu, "skill.block", Target("skill", "pdf-exfil", "edge-2"))
    assert asked.held
    deny(asked)
    asked.refresh_from_db()
    assert not asked.held


def test_an_unblock_that_found_nothing_of_ours_is_not_said_to_be_acknowledged(
    device: Device, key: Authenticator, olu: Actor, do_due: Work
) -> None:
    others = row("pdf-exfil", install="block")
    device.send(entries=[others])
    signs(key, ask(olu, "skill.unblock"), "approve")
    sequencer.run_once()
    do_due()
    [command] = device.commands()
    left = [{"connector": "", "dimension": "install", "value": "block", "why": "others"}]
    device.send(commands=[result(command, entries=[others], code="nothing_of_ours", left=left)])
    do_due()
    at_gateway = [one for one in sentences("skill.unblocked") if one.startswith(EDGE)]
    assert [one[:46] for one in at_gateway] == ["edge-1 kept skill pdf-exfil as others set it; "]
    assert step("gateway.unblock").detail.startswith("The outpost at edge-1 changed nothing: ")


def test_each_row_that_a_release_leaves_has_its_own_tag(
    town: Town, device: Device, key: Authenticator, olu: Actor, do_due: Work
) -> None:
    held_at_outpost(device, olu, do_due)
    signs(key, ask(olu, "skill.release"), "approve")
    sequencer.run_once()
    do_due()
    [body] = device.commands()
    command = Command(**{name: said for name, said in body.items() if name != "schema"})
    for verb in ("enable", "restore"):
        sent = gateway_calls.run_id(command.tag_of(f"skill-{verb}"))
        imports.audit_row(
            town.edges[EDGE].database, verb, action=f"skill-{verb}", target="pdf-exfil",
            actor="cli", run_id=sent, timestamp=clock.now().isoformat(),
        )  # fmt: skip
    assert take(town.edges[EDGE]).misused == 0
    for verb in ("enable", "restore"):
        [event] = imports.events(action=f"defenseclaw.skill-{verb}")
        assert event["data"]["repeats"] == "tag"
