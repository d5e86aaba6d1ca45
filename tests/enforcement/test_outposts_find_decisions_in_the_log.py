"""The portal shows an outpost that the log has the decision of a hold or block."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client

from approvals.pipeline.service import perform
from ata.outpost.commands import post_execution_log_check, signed_command
from ata.outpost.commands.command_journal_queries import History
from ata.outpost.commands.log_checkpoints import Seen
from audit.models import EventRow
from audit.recording.actors import Actor
from audit.recording.stored_event_loader import load
from audit.sequencing import sequencer
from enforcement.models import OutpostCommand
from tests.enforcement.browsing import browser
from tests.enforcement.gateways import Town, known
from tests.enforcement.outpost_device import COMMANDS, ENROL, Device, code, code_of
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
def pins() -> dict[str, Any]:
    """What the outpost pinned at enrolment."""
    return {}


@pytest.fixture
def device(town: Town, amir: Actor, pins: dict[str, Any]) -> Device:
    found = Device(instance=EDGE)
    answer = found.post(ENROL, found.enrolment(code_of(amir, EDGE)))
    pins |= json.loads(answer.content)["pins"]
    return found


def decision(device: Device, id_: str, **other: Any) -> HttpResponse:
    path = f"{COMMANDS}/{id_}/decision"
    proof = other.pop("proof", device.proof(path, b"", **{"htm": "GET"} | other))
    answer: Any = Client().get(path, {"log_size": 0}, headers={"DPoP": proof} if proof else {})
    return answer  # type: ignore[no-any-return]


def shown(device: Device, command: dict[str, Any]) -> Any:
    return json.loads(decision(device, command["id"]).content)["decision"]


def accepted(device: Device, command: dict[str, Any], pins: dict[str, Any]) -> Seen:
    """Judge the portal's answer as an outpost does."""
    parsed = signed_command.parse(command, device.id, EDGE)
    return post_execution_log_check.verify(parsed, shown(device, command), pins, History())


def test_the_decision_of_a_hold_is_shown_once_the_signed_log_has_it(
    device: Device, pins: dict[str, Any], olu: Actor, do_due: Work
) -> None:
    sequencer.run_once()
    perform(olu, "skill.hold", SKILL)
    do_due()
    [command] = device.commands()
    assert shown(device, command) is None
    sequencer.run_once()
    assert accepted(device, command, pins).size == EventRow.objects.filter(seq__gte=0).count()


def test_each_command_that_restricts_is_shown_by_the_decision_that_it_comes_from(
    device: Device, pins: dict[str, Any], key: Authenticator, olu: Actor, do_due: Work
) -> None:
    held_at_outpost(device, olu, do_due)
    perform(olu, "mcp.hold", SERVER)
    signs(key, ask(olu, "skill.block"), "approve")
    do_due()
    sequencer.run_once()
    bodies = OutpostCommand.objects.order_by("n").values_list("body", flat=True)
    restricting = [one for one in map(json.loads, bodies) if one["act"] in ("hold", "block")]
    assert [one["act"] for one in restricting] == ["hold", "hold", "block"]
    for command in restricting:
        assert accepted(device, command, pins).size > 0


@pytest.mark.parametrize(
    ("other", "refused"),
    [
        ({"proof": ""}, "401 proof_refused missing"),
        ({"htm": "POST"}, "401 proof_refused other_request"),
        ({"key": Device().key}, "401 proof_refused signature"),
    ],
)
def test_a_decision_is_shown_to_nobody_without_a_right_proof(
    device: Device, other: dict[str, Any], refused: str
) -> None:
    assert code(decision(device, str(uuid.uuid4()), **other)) == refused


def test_a_decision_is_shown_to_the_outpost_of_its_command_alone(
    device: Device, amir: Actor, olu: Actor, do_due: Work
) -> None:
    other = Device(instance="edge-2").enrol(amir)
    perform(olu, "skill.hold", SKILL)
    do_due()
    [command] = device.commands()
    assert code(decision(other, command["id"])) == "404 not_found"
    assert code(decision(device, str(uuid.uuid4()))) == "404 not_found"
    assert decision(device, "not-an-id").status_code in (404, 422)
    assert decision(device, command["id"]).status_code == 200
    OutpostCommand.objects.filter(pk=command["id"]).update(n=7)
    assert code(decision(device, command["id"])) == "404 not_found", "somebody wrote to it"


def test_a_contested_outpost_is_shown_no_decision(device: Device, olu: Actor, do_due: Work) -> None:
    perform(olu, "skill.hold", SKILL)
    do_due()
    [command] = device.commands()
    copy = Device(device.key, EDGE)
    device.send()
    copy.send(lag_s=7)
    assert code(decision(device, command["id"])) == "409 outpost_contested"


def test_a_hold_that_an_outpost_does_not_find_in_the_log_is_one_alarm_and_on_its_page(
    device: Device, olu: Actor, do_due: Work
) -> None:
    """Of a command that was issued to it, and once, whatever is reported in between."""
    for kind, target in (("skill", SKILL), ("mcp", SERVER)):
        perform(olu, f"{kind}.hold", target)
    do_due()
    first, second = sorted(one["id"] for one in device.commands())
    other = str(uuid.uuid4())
    for missing in ([], [first], [], [first, second, other, "<b>", 7], [second]):
        answer = device.send(health={"up": True} | ({"not_in_log": missing} if missing else {}))
        assert answer.status_code == 200
    events = EventRow.objects.filter(action="ledger.alarm")
    said = [load(one.event) for one in events]
    assert sorted(one["data"]["command"] for one in said) == [first, second]
    assert {(one["severity"], one["data"]["code"]) for one in said} == {
        ("CRITICAL", "command_not_in_log")
    }
    admin, words = browser("admin", "admin"), "whose decision the log did not show"
    assert words in admin.get("/enforcement/fleet/").content.decode()
    device.send(health={"up": True})
    assert words not in admin.get("/enforcement/fleet/").content.decode()
