"""Decisions at a gateway with an outpost become signed commands, which its reports settle."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from django.conf import LazySettings

from approvals import clock
from approvals.models import Effect
from approvals.outbox import step_execution
from approvals.pipeline.service import perform
from audit.clock import uuid7
from audit.keys import outpost_command_key
from audit.models import EventRow
from audit.recording.actors import SYSTEM, Actor, Target
from audit.recording.record import record
from audit.recording.stored_event_loader import load
from audit.sequencing import sequencer
from enforcement.models import CommandState, Outpost, OutpostCommand
from enforcement.outposts import (
    command_recipients,
    issued_commands,
    sealed_rows,
    trust_pinned_at_enrolment,
)
from tests.enforcement.altered_outposts import TAKEN_OUT, hide, take_out
from tests.enforcement.answering import approve
from tests.enforcement.browsing import browser
from tests.enforcement.gateways import Town, known
from tests.enforcement.outpost_device import Device, b64, code, written

pytestmark = pytest.mark.django_db
EDGE = "edge-1"
SKILL = Target("skill", "pdf-exfil", EDGE)
SERVER = Target("mcp", "github", EDGE)


@pytest.fixture
def amir(db: None) -> Actor:
    known("admin2", "admin", name="Anna Admin")
    return known("admin", "admin", name="Amir Admin").as_actor(via="web")


@pytest.fixture
def device(town: Town, amir: Actor) -> Device:
    """The outpost of edge-1."""
    return Device(instance=EDGE).enrol(amir)


def row(name: str, kind: str = "skill", **actions: str) -> dict[str, str]:
    return {"target_type": kind, "target_name": name, "actions_json": json.dumps(actions)}


def result(command: dict[str, Any], **said: Any) -> dict[str, Any]:
    return {"id": command["id"], "n": command["n"], "state": "done", "entries": []} | said


def decide(admin: Actor, verb: str) -> None:
    asked = perform(admin, verb, Target("outpost", EDGE), reason="lost").approval
    if asked is not None:
        approve(asked)


def step() -> Effect:
    return Effect.objects.exclude(kind="gateway.stamp").latest("id")


def test_a_hold_becomes_a_command_and_is_pending_until_the_outpost_reports_it(
    town: Town, device: Device, olu: Actor, do_due: Callable[[], None]
) -> None:
    perform(olu, "skill.hold", SKILL, reason="it reads mail")
    do_due()
    assert (step().state, step().attempts) == ("pending", 0)
    assert "Waits until the outpost at edge-1 fetches it" in step().detail
    [command] = device.commands()
    assert (command["act"], command["kind"], command["name"]) == ("hold", "skill", "pdf-exfil")
    assert (command["strength"], command["instance"]) == ("disable", EDGE)
    assert command["id"] == str(step().pk) and command["outpost"] == device.id
    do_due()
    assert step().state == "pending" and "Being applied by the outpost at edge-1" in step().detail
    assert town.edges[EDGE].blocked() == {}
    entries = [row("pdf-exfil", runtime="disable")]
    assert device.send(commands=[result(command, entries=entries)]).status_code == 200
    do_due()
    assert step().state == "done" and "The outpost at edge-1 carried it out." in step().detail
    assert device.commands() == []
    event = EventRow.objects.filter(action="skill.held", outcome="success").get()
    assert load(event.event)["data"]["outpost"] == device.id


def test_a_command_is_signed_by_the_key_that_was_pinned(
    device: Device, olu: Actor, do_due: Callable[[], None]
) -> None:
    perform(olu, "mcp.hold", SERVER)
    do_due()
    [found] = json.loads(device.fetch().content)["commands"]
    raw = outpost_command_key.public_key()
    assert (
        Outpost.objects.get().command_key == raw == trust_pinned_at_enrolment.current()["hold_key"]
    )
    key = Ed25519PublicKey.from_public_bytes(urlsafe_b64decode(raw + "="))
    signed = b"ata.outpost.command.v1\n" + written(found["command"])
    key.verify(urlsafe_b64decode(found["signature"] + "=="), signed)
    assert found["command"]["strength"] == "block" and found["evidence"] is None


def test_numbers_grow_and_after_leaves_out_what_was_seen(
    device: Device, olu: Actor, do_due: Callable[[], None]
) -> None:
    for target in (SKILL, SERVER):
        perform(olu, f"{target.kind}.hold", target)
        do_due()
    first, second = device.commands()
    assert first["n"] < second["n"]
    said = json.loads(device.fetch(after=first["n"]).content)
    assert [one["command"]["n"] for one in said["commands"]] == [second["n"]] == [said["last"]]
    assert json.loads(device.fetch(after=second["n"]).content) == {
        "commands": [],
        "last": second["n"],
    }


@pytest.mark.parametrize(
    ("other", "refused"),
    [
        ({"proof": ""}, "401 proof_refused missing"),
        ({"htm": "POST"}, "401 proof_refused other_request"),
        ({"iat": 1}, "401 proof_refused time"),
        ({"body": "x" * 43}, "401 proof_refused other_body"),
        ({"key": Device().key}, "401 proof_refused signature"),
    ],
)
def test_commands_are_given_to_nobody_without_a_right_proof(
    device: Device, other: dict[str, Any], refused: str
) -> None:
    assert code(device.fetch(**other)) == refused


def test_a_proof_fetches_commands_once(device: Device) -> None:
    proof = device.proof("/v1/outposts/commands", b"", htm="GET")
    assert device.fetch(proof=proof).status_code == 200
    assert code(device.fetch(proof=proof)) == "401 proof_refused replayed"


def test_an_unknown_suspended_revoked_or_contested_outpost_gets_no_commands(
    device: Device, amir: Actor, olu: Actor, do_due: Callable[[], None]
) -> None:
    assert code(Device(instance=EDGE).fetch()) == "401 outpost_unknown"
    perform(amir, "outpost.suspend", Target("outpost", EDGE), reason="lost")
    perform(olu, "skill.hold", SKILL)
    do_due()
    assert code(device.fetch()) == "403 outpost_suspended"
    assert step().state == "pending" and "is suspended and gets nothing" in step().detail
    decide(amir, "outpost.resume")
    copy = Device(device.key, EDGE)
    device.send()
    copy.send(lag_s=7)
    assert code(device.fetch()) == "409 outpost_contested"
    decide(amir, "outpost.revoke")
    assert code(device.fetch()) == "403 outpost_revoked"


def test_one_outpost_gets_no_command_of_another(
    device: Device, amir: Actor, olu: Actor, do_due: Callable[[], None]
) -> None:
    other = Device(instance="edge-2").enrol(amir)
    perform(olu, "skill.hold", SKILL)
    do_due()
    assert other.commands() == []
    [command] = device.commands()
    other.send(commands=[result(command, entries=[row("pdf-exfil", runtime="disable")])])
    do_due()
    assert step().state == "pending"
    assert EventRow.objects.filter(action="outpost.result_refused").count() == 1


def test_results_of_commands_that_were_not_issued_so_count_for_nothing(
    device: Device, olu: Actor, do_due: Callable[[], None]
) -> None:
    perform(olu, "skill.hold", SKILL)
    do_due()
    [command] = device.commands()
    made = result(command) | {"id": str(uuid4())}
    assert device.send(commands=[made, result(command, n=command["n"] + 1)]).status_code == 200
    do_due()
    assert step().state == "pending" and OutpostCommand.objects.get().state == CommandState.WAITING
    assert EventRow.objects.filter(action="outpost.result_refused").count() == 2


def test_a_result_counts_once_and_a_later_done_after_a_failure(
    device: Device, olu: Actor, do_due: Callable[[], None]
) -> None:
    perform(olu, "skill.hold", SKILL)
    do_due()
    [command] = device.commands()
    device.send(commands=[result(command, state="failed", code="gateway_down", detail="no CLI")])
    do_due()
    assert step().state == "pending" and "goes on trying" in step().detail
    entries = [row("pdf-exfil", runtime="disable")]
    for _ in range(2):
        device.send(commands=[result(command, entries=entries)])
        do_due()
    device.send(commands=[result(command, state="refused", code="older_command")])
    do_due()
    assert step().state == "done"
    assert EventRow.objects.filter(action="skill.held", outcome="success").count() == 1


@pytest.mark.parametrize("entries", [[], [row("pdf-exfil", install="block")], [row("other")]])
def test_what_a_program_answered_counts_for_nothing_without_the_entry(
    device: Device, olu: Actor, do_due: Callable[[], None], entries: list[dict[str, str]]
) -> None:
    perform(olu, "skill.hold", SKILL)
    do_due()
    [command] = device.commands()
    device.send(commands=[result(command, exit=0, seconds=1, entries=entries)])
    do_due()
    assert step().state == "failed" and "no entry that it read disables it" in step().detail


def test_what_the_outpost_refused_is_shown_with_why(
    device: Device, olu: Actor, do_due: Callable[[], None]
) -> None:
    perform(olu, "skill.hold", SKILL)
    do_due()
    [command] = device.commands()
    said = {"state": "refused", "code": "cli_changed", "detail": "the program was replaced"}
    device.send(commands=[result(command, entries=None, **said)])
    do_due()
    assert step().state == "failed"
    assert step().detail == "The outpost at edge-1 refused it: the program was replaced."


def test_a_step_that_is_tried_again_gets_another_command(
    device: Device, olu: Actor, do_due: Callable[[], None]
) -> None:
    """The result of the earlier one is not taken for that of the new try."""
    perform(olu, "skill.hold", SKILL)
    do_due()
    seen = []
    for state in ("refused", "failed", "done"):
        [command] = device.commands()
        seen.append(command["n"])
        entries = [row("pdf-exfil", runtime="disable")] if state == "done" else None
        device.send(commands=[result(command, state=state, detail="no", entries=entries)])
        do_due()
        assert step().state == ("done" if state == "done" else "failed")
        assert device.commands() == []
        if state != "done":
            step_execution.again(Effect.objects.filter(pk=step().pk))
            do_due()
    assert seen == sorted(set(seen))
    assert EventRow.objects.filter(action="skill.held", outcome="failure").count() == 2


def test_a_command_that_somebody_wrote_is_neither_sent_nor_believed(
    device: Device, olu: Actor, do_due: Callable[[], None]
) -> None:
    perform(olu, "skill.hold", SKILL)
    do_due()
    OutpostCommand.objects.update(state=CommandState.DONE, result={"entries": []})
    do_due()
    assert device.commands() == [] and step().state == "failed"
    assert EventRow.objects.filter(action="ledger.alarm").count() == 1


def test_commands_that_somebody_wrote_keep_no_other_from_being_sent(
    device: Device, olu: Actor, do_due: Callable[[], None]
) -> None:
    perform(olu, "skill.hold", SKILL)
    do_due()
    [issued] = OutpostCommand.objects.all()
    for n in range(issued_commands.MOST):
        made = {"id": uuid4(), "n": n + 1, "act": "hold", "body": "{}", "signature": "x"}
        OutpostCommand.objects.create(
            outpost_id=device.id, issued_at=issued.issued_at, seal="", **made
        )
    assert [one["id"] for one in device.commands()] == [str(issued.pk)]


def test_a_command_that_was_replaced_before_it_was_fetched_is_withdrawn(
    device: Device, olu: Actor, do_due: Callable[[], None]
) -> None:
    perform(olu, "skill.hold", SKILL)
    do_due()
    asked = perform(olu, "skill.release", SKILL, reason="it was another one").approval
    assert asked is not None
    approve(asked)
    do_due()
    assert all(one["act"] != "hold" for one in device.commands())
    held = Effect.objects.get(kind="gateway.hold")
    assert held.state == "failed" and held.detail.startswith("A later decision replaced it")


def test_a_replaced_step_whose_outpost_has_reported_is_not_said_to_be_unsent(
    device: Device, olu: Actor, do_due: Callable[[], None]
) -> None:
    perform(olu, "skill.hold", SKILL)
    do_due()
    [command] = device.commands()
    held = step()
    lease = clock.now() + timedelta(seconds=60)  # a worker has it, and dies
    Effect.objects.filter(pk=held.pk).update(lease=lease, due=clock.now())
    device.send(commands=[result(command, entries=[row("pdf-exfil", runtime="disable")])])
    perform(olu, "skill.block", SKILL, reason="for good")
    Effect.objects.filter(pk=held.pk).update(lease=None)
    do_due()
    held.refresh_from_db()
    words = "A later decision replaced it; the outpost may have carried it out before."
    assert (held.state, held.detail) == ("failed", words)


def test_a_gateway_whose_outpost_pinned_another_key_is_told_by_its_own_address(
    town: Town, device: Device, olu: Actor, do_due: Callable[[], None]
) -> None:
    outpost_command_key.key_file().unlink()
    perform(olu, "skill.hold", SKILL)
    do_due()
    assert step().state == "done" and "pdf-exfil" in town.edges[EDGE].blocked()


@pytest.mark.parametrize("how", TAKEN_OUT)
def test_no_decision_passes_by_an_outpost_that_somebody_took_out_of_the_database(
    town: Town, device: Device, olu: Actor, do_due: Callable[[], None], how: str
) -> None:
    assert list(command_recipients.problems()) == []
    take_out(how)
    perform(olu, "skill.hold", SKILL)
    do_due()
    assert town.edges[EDGE].blocked() == {} and not OutpostCommand.objects.exists()
    assert step().state == "pending" and "someone wrote to the database" in step().detail
    assert device.id in next(command_recipients.problems()).message
    page = browser("admin", "admin").get("/enforcement/fleet/").content.decode()
    assert "someone wrote to the database" in page


@pytest.mark.parametrize("how", ["deleted", "revoked"])
def test_no_decision_passes_by_an_outpost_whose_search_rows_somebody_altered(
    town: Town, device: Device, olu: Actor, do_due: Callable[[], None], how: str
) -> None:
    """They only help to search the log; its entries say that it is enrolled."""
    sequencer.run_once()
    hide("outpost.key_enrolled", how)
    perform(olu, "skill.hold", SKILL)
    do_due()
    assert [one["act"] for one in device.commands()] == ["hold"]
    assert town.edges[EDGE].blocked() == {}


def test_before_the_log_has_its_entry_an_outpost_that_search_rows_deny_waits(
    town: Town, device: Device, olu: Actor, do_due: Callable[[], None]
) -> None:
    hide("outpost.key_enrolled")
    perform(olu, "skill.hold", SKILL)
    do_due()
    assert town.edges[EDGE].blocked() == {} and not OutpostCommand.objects.exists()
    assert step().state == "pending" and "someone wrote to the database" in step().detail


@pytest.mark.parametrize("how", TAKEN_OUT)
def test_no_decision_passes_by_an_outpost_of_which_row_and_search_row_are_gone(
    town: Town, device: Device, olu: Actor, do_due: Callable[[], None], how: str
) -> None:
    sequencer.run_once()
    take_out(how)
    hide("outpost.key_enrolled")
    perform(olu, "skill.hold", SKILL)
    do_due()
    assert town.edges[EDGE].blocked() == {} and not OutpostCommand.objects.exists()
    assert step().state == "pending" and "someone wrote to the database" in step().detail
    assert device.id in next(command_recipients.problems()).message
    page = browser("admin", "admin").get("/enforcement/fleet/").content.decode()
    assert "someone wrote to the database" in page


@pytest.mark.parametrize("how", ["revoked", "an older one enrolled again"])
def test_entries_that_somebody_wrote_into_the_log_send_no_decision_past_an_outpost(
    town: Town, device: Device, amir: Actor, olu: Actor, do_due: Callable[[], None], how: str
) -> None:
    """An entry can be appended by who writes the database; the seal of a revoked row cannot."""
    there = Target("outpost", EDGE, EDGE)
    if how != "revoked":
        older = Outpost.objects.get()
        decide(amir, "outpost.revoke")
        device = Device(instance=EDGE).enrol(amir)
        said = {"outpost": older.id, "command_key": older.command_key}
        operation = older.operation
        record(SYSTEM, "outpost.key_enrolled", target=there, operation=operation, data=said)
    record(SYSTEM, "outpost.revoked", target=there)
    sequencer.run_once()
    Outpost.objects.filter(revoked_at=None).delete()
    perform(olu, "skill.hold", SKILL)
    do_due()
    assert town.edges[EDGE].blocked() == {}
    assert step().state == "pending" and "someone wrote to the database" in step().detail
    assert device.id in " ".join(one.message for one in command_recipients.problems())


@pytest.mark.parametrize(
    ("action", "there", "said"),
    [
        ("outpost.key_enrolled", Target("outpost", "x", "x"), {}),
        ("outpost.key_enrolled", Target("outpost", EDGE, EDGE), {"outpost": {"id": "x"}}),
        ("outpost.key_enrolled", None, {"outpost": "x"}),
        ("outpost.suspended", None, {"outpost": ["x"]}),
        ("outpost.revoked", Target("outpost", EDGE), {"gateway": {"name": EDGE}}),
        ("passkey.revoked", Target("passkey", "x"), {}),
    ],
)
@pytest.mark.parametrize("has_entry", [False, True])
def test_an_entry_that_names_nothing_stops_no_gateway_and_is_found(
    device: Device,
    olu: Actor,
    do_due: Callable[[], None],
    action: str,
    there: Target | None,
    said: dict[str, Any],
    has_entry: bool,
) -> None:
    """Who writes the database can append one; the portal writes none such."""
    record(SYSTEM, action, target=there, operation=str(uuid7()), data=said)
    if has_entry:
        sequencer.run_once()
    assert set(command_recipients.by_instance()) == {EDGE}
    perform(olu, "skill.hold", SKILL)
    do_due()
    assert [one["act"] for one in device.commands()] == ["hold"]
    [wrong] = command_recipients.problems()
    assert wrong.message == f"{action} does not name what it is about"
    assert (wrong.index is not None) == has_entry


@pytest.mark.parametrize(
    ("at", "operation"), [("a/b", ""), ("a b", ""), ("x" * 61, ""), (EDGE, "no decision")]
)
def test_an_enrolment_of_no_possible_gateway_or_decision_decides_nothing_and_is_found(
    device: Device, at: str, operation: str
) -> None:
    """Nobody could revoke what it names."""
    there = Target("outpost", at, at)
    decision = operation or str(uuid7())
    record(SYSTEM, "outpost.key_enrolled", target=there, operation=decision, data={"outpost": "x"})
    sequencer.run_once()
    assert set(command_recipients.by_instance()) == {EDGE}
    [wrong] = command_recipients.problems()
    assert wrong.message == "outpost.key_enrolled does not name what it is about"
    assert browser("admin", "admin").get("/enforcement/fleet/").status_code == 200


@pytest.mark.parametrize("how", TAKEN_OUT[1:])
def test_a_device_whose_row_somebody_changed_gets_no_commands_and_reports_nothing(
    device: Device, olu: Actor, do_due: Callable[[], None], how: str
) -> None:
    perform(olu, "skill.hold", SKILL)
    do_due()
    take_out(how)
    said = code(device.fetch())
    assert said == ("401 outpost_unknown" if how == "with another key" else "403 outpost_altered")
    assert code(device.send()) == said


def test_a_device_that_somebody_wrote_into_the_database_is_not_the_outpost(
    town: Town, device: Device, olu: Actor, do_due: Callable[[], None]
) -> None:
    other = Device(instance=EDGE)
    Outpost.objects.update(revoked_at=clock.now())
    theirs = Outpost.objects.get()
    theirs.pk, theirs.public_key, theirs.revoked_at = other.id, other.public_key, None
    theirs.save(force_insert=True)
    perform(olu, "skill.hold", SKILL)
    do_due()
    assert code(other.fetch()) == "403 outpost_altered"
    assert code(other.send()) == "403 outpost_altered"
    assert town.edges[EDGE].blocked() == {} and step().state == "pending"


@pytest.mark.parametrize("search_rows", ["kept", "deleted"])
@pytest.mark.parametrize("verb", ["outpost.suspend", "outpost.revoke"])
def test_an_older_row_that_somebody_put_back_undoes_no_decision(
    device: Device, amir: Actor, verb: str, search_rows: str
) -> None:
    """Its seal is right, so the log has to say what was decided since."""
    before = Outpost.objects.values().get()
    decide(amir, verb)
    Outpost.objects.update(**before)
    sequencer.run_once()
    if search_rows == "deleted":
        hide("outpost.suspended" if verb == "outpost.suspend" else "outpost.revoked")
    assert code(device.fetch()) == "403 outpost_altered"
    assert code(device.send()) == "403 outpost_altered"
    assert [one.message for one in command_recipients.problems()]


def test_a_contested_outpost_is_not_made_an_honest_one_in_the_database(device: Device) -> None:
    copy = Device(device.key, EDGE)
    device.send()
    copy.send(lag_s=7)
    Outpost.objects.update(contested_at=None)
    assert code(device.fetch()) == "403 outpost_altered"


def test_suspending_and_resuming_does_not_seal_what_somebody_wrote(
    device: Device, amir: Actor
) -> None:
    other = Device(instance=EDGE)
    Outpost.objects.update(public_key=other.public_key)
    decide(amir, "outpost.suspend")
    decide(amir, "outpost.resume")
    assert not sealed_rows.is_sealed(Outpost.objects.get())


def test_after_an_alteration_another_outpost_enrols_and_carries_out_what_waits(
    device: Device, amir: Actor, olu: Actor, do_due: Callable[[], None]
) -> None:
    take_out("without the key of commands")
    perform(olu, "skill.hold", SKILL)
    do_due()
    decide(amir, "outpost.revoke")
    after = Device(instance=EDGE).enrol(amir)
    Effect.objects.filter(pk=step().pk).update(due=clock.now())
    do_due()
    assert [one["act"] for one in after.commands()] == ["hold"]
    assert list(command_recipients.problems()) == []


def test_an_outpost_that_was_revoked_by_decision_is_no_problem(device: Device, amir: Actor) -> None:
    decide(amir, "outpost.revoke")
    assert Outpost.objects.get().revoked_at is not None
    assert list(command_recipients.problems()) == []


@pytest.mark.parametrize("how", TAKEN_OUT[1:3])
def test_a_gateway_whose_altered_outpost_was_revoked_has_none(
    town: Town, device: Device, amir: Actor, olu: Actor, do_due: Callable[[], None], how: str
) -> None:
    take_out(how)
    decide(amir, "outpost.revoke")
    perform(olu, "skill.hold", SKILL)
    do_due()
    assert "pdf-exfil" in town.edges[EDGE].blocked()
    assert code(device.send()).startswith(("401", "403"))


def test_a_gateway_whose_outpost_somebody_deleted_has_none_after_a_new_one_was_revoked(
    town: Town, device: Device, amir: Actor, olu: Actor, do_due: Callable[[], None]
) -> None:
    take_out("deleted")
    perform(olu, "skill.hold", SKILL)
    do_due()
    assert "someone wrote to the database" in step().detail
    Device(instance=EDGE).enrol(amir)
    decide(amir, "outpost.revoke")
    Effect.objects.filter(pk=step().pk).update(due=clock.now())
    do_due()
    assert "pdf-exfil" in town.edges[EDGE].blocked()


def test_gateways_without_an_outpost_are_told_as_before(
    town: Town, device: Device, olu: Actor, do_due: Callable[[], None]
) -> None:
    perform(olu, "skill.hold", Target("skill", "pdf-exfil"))
    do_due()
    assert "pdf-exfil" in town.edges["edge-2"].blocked()
    assert town.edges[EDGE].blocked() == {} and len(device.commands()) == 1


def test_the_key_of_commands_is_for_its_owner_alone_and_stays(
    tmp_path: Path, settings: LazySettings
) -> None:
    settings.VAR_DIR = tmp_path
    first = outpost_command_key.public_key()
    assert outpost_command_key.key_file().stat().st_mode & 0o777 == 0o600
    assert outpost_command_key.public_key() == first != b64(b"")
