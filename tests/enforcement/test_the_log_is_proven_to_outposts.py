"""The portal proves to an outpost that its log only grew since the outpost accepted it last."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest

from approvals.pipeline.service import perform
from audit.keys import keyring
from audit.ledger import checkpoint, inclusion_proof_file, merkle
from audit.ledger.checkpoint import Checkpoint
from audit.models import Checkpoint as Stored
from audit.models import EventRow
from audit.recording.actors import Actor
from audit.recording.stored_event_loader import load
from audit.sequencing import sequencer, signed_state
from enforcement.models import OutpostState
from tests.enforcement.browsing import browser
from tests.enforcement.gateways import Town, known
from tests.enforcement.outpost_device import ENROL, Device, code_of
from tests.enforcement.test_an_outpost_gets_signed_commands import EDGE, SERVER, SKILL
from tests.enforcement.test_an_outpost_relaxes_for_proof_alone import (
    ask,
    confirmed_passkey,
    held_at_outpost,
    signs,
)
from tests.support.authenticator import Authenticator

pytestmark = pytest.mark.django_db
Work = Callable[[], None]


@pytest.fixture
def key(olu: Actor) -> Authenticator:
    return confirmed_passkey()


@pytest.fixture
def amir(db: None) -> Actor:
    known("admin2", "admin", name="Anna Admin")
    return known("admin", "admin", name="Amir Admin").as_actor(via="web")


@pytest.fixture
def device(town: Town, key: Authenticator, amir: Actor) -> Device:
    return Device(instance=EDGE).enrol(amir)


def evidence(device: Device, **query: int) -> list[dict[str, Any]]:
    found = json.loads(device.fetch(query=query).content)["commands"]
    return [one["evidence"] for one in found]


def head_of(proof: str) -> Checkpoint:
    return checkpoint.verify(inclusion_proof_file.parse(proof).checkpoint, keyring.vkeys())


def test_an_enrolment_has_the_newest_checkpoint_of_the_pinned_log(town: Town, amir: Actor) -> None:
    for signed in (False, True):
        device = Device(instance="edge-2" if signed else EDGE)
        code = code_of(amir, device.instance)
        if signed:
            sequencer.run_once()
        answer = json.loads(device.post(ENROL, device.enrolment(code)).content)
        assert bool(answer["checkpoint"]) == signed
    head = checkpoint.verify(answer["checkpoint"], answer["pins"]["vkeys"])
    assert head.size == EventRow.objects.filter(seq__isnull=False).count() > 0


def test_commands_prove_that_the_log_only_grew_since_the_size_that_the_outpost_names(
    device: Device, key: Authenticator, olu: Actor, do_due: Work
) -> None:
    sequencer.run_once()
    held_at_outpost(device, olu, do_due)
    signs(key, ask(olu, "skill.release"), "approve")
    sequencer.run_once()
    do_due()
    [first] = evidence(device, log_size=0)
    assert first["consistency"] == {"from": 0, "hashes": []}
    old = head_of(first["proof"])
    signs(key, ask(olu, "mcp.allow", SERVER), "approve")
    sequencer.run_once()
    do_due()
    found = evidence(device, log_size=old.size)
    assert len(found) == 2
    for one in found:
        new, grown = head_of(one["proof"]), one["consistency"]
        hashes = [base64.b64decode(text) for text in grown["hashes"]]
        assert grown["from"] == old.size < new.size
        merkle.verify_consistency(old.size, old.root, new.size, new.root, hashes)
    assert [one["consistency"]["hashes"] for one in evidence(device, log_size=new.size)] == [[], []]
    assert [one["consistency"]["hashes"] for one in evidence(device, log_size=2**40)] == [[], []]


def test_an_outpost_of_before_gets_what_it_got(
    device: Device, key: Authenticator, olu: Actor, do_due: Work
) -> None:
    signs(key, ask(olu, "mcp.allow", SERVER), "approve")
    sequencer.run_once()
    do_due()
    [found] = evidence(device)
    assert found["consistency"] is None and found["human"]["kind"] == "passkey"


def test_two_histories_that_an_outpost_reports_are_one_alarm_and_on_its_page(
    device: Device, olu: Actor, do_due: Work
) -> None:
    forked = {"up": True, "log_forked_at": "2026-11-30T12:00:00.000000Z"}
    for health in ({"up": True}, forked, forked | {"up": False}):
        assert device.send(health=health).status_code == 200
    [event] = EventRow.objects.filter(action="ledger.alarm")
    said = load(event.event)
    assert (said["severity"], said["target"]["name"]) == ("CRITICAL", EDGE)
    data = {name: said["data"][name] for name in ("code", "outpost", "report")}
    assert data == {"code": "log_forked", "outpost": device.id, "report": 1}
    page = browser("admin", "admin").get("/enforcement/fleet/").content.decode()
    assert "showed this outpost two histories" in page
    perform(olu, "mcp.hold", SERVER)
    do_due()
    assert [one["act"] for one in device.commands()] == ["hold"], "holds go on"


def test_two_histories_are_one_alarm_whatever_is_reported_or_written_in_between(
    device: Device,
) -> None:
    forked = {"up": True, "log_forked_at": "2026-11-30T12:00:00.000000Z"}
    for health in (forked, {"up": True}, forked, None, forked | {"up": False}):
        assert device.send(health=health).status_code == 200
    OutpostState.objects.update(health={"up": True})
    assert device.send(health=forked).status_code == 200
    OutpostState.objects.all().delete()
    assert device.send(health=forked).status_code == 200
    assert EventRow.objects.filter(action="ledger.alarm").count() == 1
    OutpostState.objects.update(health={"up": True})
    page = browser("admin", "admin").get("/enforcement/fleet/").content.decode()
    assert "showed this outpost two histories" in page, "also where somebody wrote it away"


def test_another_journal_of_commands_is_one_alarm_and_on_its_page(
    device: Device, olu: Actor, do_due: Work
) -> None:
    for health in ({"up": True}, {"journal": ""}, {"journal": "aa"}, None, {"journal": "aa"}):
        assert device.send(health=health).status_code == 200
    assert not EventRow.objects.filter(action="ledger.alarm").exists()
    for journal in ("", "bb", "cc"):
        assert device.send(health={"up": True, "journal": journal}).status_code == 200
    [event] = EventRow.objects.filter(action="ledger.alarm")
    said = load(event.event)
    assert (said["severity"], said["data"]["code"]) == ("CRITICAL", "journal_lost")
    page = browser("admin", "admin").get("/enforcement/fleet/").content.decode()
    assert "is another one than before" in page
    perform(olu, "mcp.hold", SERVER)
    do_due()
    assert [one["act"] for one in device.commands()] == ["hold"], "holds go on"


@pytest.mark.parametrize("between", [{"up": True}, {"not_reported": ["health"]}])
def test_a_report_without_its_journal_does_not_hide_another_one(
    device: Device, between: dict[str, Any]
) -> None:
    for health in ({"up": True, "journal": "aa"}, between, {"up": True, "journal": "bb"}):
        assert device.send(health=health).status_code == 200
    [event] = EventRow.objects.filter(action="ledger.alarm")
    assert load(event.event)["data"]["code"] == "journal_lost"


def test_a_log_with_gaps_delays_no_hold(
    device: Device, key: Authenticator, olu: Actor, do_due: Work
) -> None:
    """Somebody wrote a checkpoint of more entries than there are."""
    signs(key, ask(olu, "mcp.allow", SERVER), "approve")
    sequencer.run_once()
    perform(olu, "skill.hold", SKILL)
    do_due()
    newest = signed_state.newest_checkpoint()
    assert newest is not None
    Stored.objects.create(
        size=newest.size + 300, root=bytes(32), note=newest.note, created=newest.created
    )
    found = json.loads(device.fetch(query={"log_size": 5}).content)["commands"]
    said = {one["command"]["act"]: one["evidence"] for one in found}
    assert said == {"allow": None, "hold": None}
