"""A gateway that only its outpost names is part of what decisions are about, and pages show it."""

from __future__ import annotations

import cProfile
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from approvals import clock
from approvals.errors import Refused
from approvals.models import Effect
from approvals.pipeline.service import perform
from audit.recording.actors import Actor, Target
from enforcement.gateways import (
    decided_and_enforced_state,
    effects_at_gateways,
    instances,
    last_contact,
)
from enforcement.models import Asset, Outpost, OutpostCommand, OutpostState
from enforcement.views.effects_of_decisions import overall_of_each
from tests.audit import imports
from tests.enforcement.answering import approve
from tests.enforcement.browsing import browser
from tests.enforcement.gateways import Town, known
from tests.enforcement.outpost_device import ENROL, INSTANCE, Device, code_of, rewrite
from tests.enforcement.test_an_outpost_gets_signed_commands import result, row

pytestmark = pytest.mark.django_db
EVERYWHERE = Target("skill", "pdf-exfil")
CONFIG = {"guardrail.mode": "action", "guardrail.connector": "claudecode"}
Work = Callable[[], None]
Words = Callable[[str], str]


def states_of_each(decided: list[Asset]) -> object:
    return decided_and_enforced_state.of_each("skill", [one.name for one in decided])


@pytest.fixture
def amir(db: None) -> Actor:
    known("admin2", "admin", name="Anna Admin")
    return known("admin", "admin", name="Amir Admin").as_actor(via="web")


@pytest.fixture
def device(town: Town, amir: Actor) -> Device:
    """The outpost of edge-9, which no file names; edge-1 and edge-2 are no DEMO here."""
    listed = town.folder / "instances.toml"
    listed.write_text(listed.read_text().replace("demo = true", "demo = false"))
    return Device().enrol(amir)


@pytest.fixture
def words(olu: Actor) -> Words:
    """What a page shows to Olu."""
    web = browser("operator", "operator")
    return lambda page: web.get(page).content.decode()


def test_a_decision_for_all_reaches_a_gateway_that_only_its_outpost_names(
    town: Town, device: Device, olu: Actor, do_due: Work, words: Words
) -> None:
    perform(olu, "skill.hold", EVERYWHERE, reason="it reads mail")
    do_due()
    assert all("pdf-exfil" in edge.blocked() for edge in town.edges.values())
    [command] = device.commands()
    assert command["instance"] == INSTANCE
    page = words("/enforcement/skill/pdf-exfil/")
    assert "acknowledged by 2 of 3 gateways" in page and INSTANCE in page
    assert "1 step</span>" in words("/enforcement/fleet/")
    assert "1 command waits for its report" in words(f"/enforcement/fleet/{INSTANCE}/settings/")
    entries = [row("pdf-exfil", runtime="disable")]
    device.send(config=CONFIG, commands=[result(command, entries=entries)])
    do_due()
    page = words("/enforcement/skill/pdf-exfil/")
    assert "acknowledged by 3 of 3 gateways" in page
    assert "command waits" not in words(f"/enforcement/fleet/{INSTANCE}/settings/")


def test_it_can_be_named_and_other_names_cannot(device: Device, olu: Actor, do_due: Work) -> None:
    perform(olu, "skill.hold", Target("skill", "pdf-exfil", INSTANCE))
    do_due()
    assert len(device.commands()) == 1
    with pytest.raises(Refused, match=INSTANCE):
        perform(olu, "skill.hold", Target("skill", "pdf-exfil", "edge-77"))


@pytest.mark.parametrize("lost", ["enrolled before there were commands", "revoked"])
def test_one_that_cannot_carry_out_decisions_is_no_part_of_them(
    device: Device, amir: Actor, olu: Actor, do_due: Work, words: Words, lost: str
) -> None:
    if lost == "revoked":
        asked = perform(amir, "outpost.revoke", Target("outpost", INSTANCE), reason="lost").approval
        assert asked is not None
        approve(asked)
    else:
        rewrite(Outpost, command_key="")
    assert INSTANCE not in {one.name for one in instances.fleet().scope("")}
    perform(olu, "skill.hold", EVERYWHERE)
    do_due()
    assert not OutpostCommand.objects.exists()
    if lost != "revoked":
        assert "revoke it and enrol a new one" in words("/enforcement/fleet/")


def test_the_state_there_is_what_its_outpost_read(device: Device, olu: Actor, do_due: Work) -> None:
    target = Target("skill", "pdf-exfil", INSTANCE)
    device.send(config=CONFIG, entries=[row("other", install="block")])
    perform(olu, "skill.hold", target)
    do_due()
    [command] = device.commands()
    device.send(commands=[result(command, entries=[row("pdf-exfil", runtime="disable")])])
    do_due()
    assert len(OutpostState.objects.get().entries or []) == 2
    device.send()
    [at] = [
        one
        for one in decided_and_enforced_state.everywhere("skill", "pdf-exfil")
        if one.instance.name == INSTANCE
    ]
    assert (at.code, at.words) == ("held", "Its outpost acknowledged the hold.")
    device.send(entries=[row("other", install="block")])
    OutpostState.objects.update(at=clock.now() + timedelta(seconds=5))
    states = decided_and_enforced_state.everywhere("skill", "pdf-exfil")
    assert "no longer has it on hold" in next(
        one.words for one in states if one.instance.name == INSTANCE
    )


def test_what_a_hold_would_do_there_is_a_disable(device: Device) -> None:
    device.send(config=CONFIG, entries=[])
    [found] = effects_at_gateways.everywhere("skill", "pdf-exfil", "hold", INSTANCE)
    [blocked] = effects_at_gateways.everywhere("skill", "pdf-exfil", "block", "edge-1")
    assert "Stopped for Claude Code" in " ".join(found.sentences)
    assert "Stopped" not in " ".join(blocked.sentences)


def test_what_the_outpost_refused_stays_on_the_page_of_gateways(
    device: Device, olu: Actor, do_due: Work, words: Words
) -> None:
    perform(olu, "skill.hold", Target("skill", "pdf-exfil", INSTANCE))
    do_due()
    [command] = device.commands()
    said = {"state": "refused", "code": "cli_changed", "detail": "the program was replaced"}
    device.send(commands=[result(command, entries=None, **said)], lag_s=7)
    do_due()
    page = words("/enforcement/fleet/")
    assert "refused it: the program was replaced." in page
    assert "7 seconds behind" in words(f"/enforcement/fleet/{INSTANCE}/settings/")
    assert Effect.objects.get().state == "failed"


OTHERS = {"install": "block", "file": "quarantine", "runtime": "disable"}


def test_what_others_added_there_is_not_said_to_end(device: Device, olu: Actor) -> None:
    watcher = row("pdf-exfil", **OTHERS) | {"reason": "auto-block: watch", "connector": ""}
    device.send(config=CONFIG, entries=[watcher])
    [now] = effects_at_gateways.everywhere("skill", "pdf-exfil", "", INSTANCE)
    for act in ("unblock", "release"):
        [found] = effects_at_gateways.everywhere("skill", "pdf-exfil", act, INSTANCE)
        assert found.sentences == now.sentences
    [allowed] = effects_at_gateways.everywhere("skill", "pdf-exfil", "allow", INSTANCE)
    assert "is disabled there for all agents" in allowed.not_sent
    assert "defenseclaw skill enable pdf-exfil" in allowed.not_sent


@pytest.mark.parametrize("act", ["release", "unblock", "allow"])
def test_what_this_portal_holds_for_one_agent_is_said_to_end(device: Device, act: str) -> None:
    held = row("pdf-exfil", runtime="disable") | {"connector": "claudecode"}
    held["reason"] = "[ATA 01a229e1.1-ea858ce6.b045] ATA hold 01a229e1 until released by hand"
    device.send(config=CONFIG, entries=[held])
    [now] = effects_at_gateways.everywhere("skill", "pdf-exfil", "", INSTANCE)
    [then] = effects_at_gateways.everywhere("skill", "pdf-exfil", act, INSTANCE)
    assert "Stopped for Claude Code" in " ".join(now.sentences)
    assert "Stopped for" not in " ".join(then.sentences)


def test_what_an_outpost_found_in_quarantine_is_part_of_the_effect(device: Device) -> None:
    """DefenseClaw moves files without an entry, and an entry's mark stays when they come back."""

    def said(**reported: Any) -> str:
        device.send(config=CONFIG, **reported)
        [now] = effects_at_gateways.everywhere("skill", "pdf-exfil", "", INSTANCE)
        return " ".join(now.sentences)

    assert "no entry there restricts it" in said(entries=[], quarantine=["skills/codex/pdf-exfil"])
    lies = "Not known for Claude Code: its files are in quarantine there, and may have been"
    assert lies in said(quarantine=["skills/claudecode/pdf-exfil"])
    marked = row("pdf-exfil", install="block", file="quarantine") | {"connector": ""}
    assert "Stopped for Claude Code." in said(entries=[marked])
    gone = said(quarantine=["skills/claudecode/other", "plugins/claudecode/pdf-exfil"])
    assert "it is only marked as quarantined there, and its files may be back" in gone


def test_a_copy_of_another_agent_in_quarantine_proves_nothing_for_an_agent(device: Device) -> None:
    """The mark of an entry for all agents does not say whose copy was moved."""
    marked = row("pdf-exfil", install="block", file="quarantine") | {"connector": ""}
    both = {"guardrail.mode": "observe", "modes": {"claudecode": "observe", "codex": "observe"}}
    device.send(config=both, entries=[marked], quarantine=["skills/codex/pdf-exfil"])
    [now] = effects_at_gateways.everywhere("skill", "pdf-exfil", "", INSTANCE)
    assert now.sentences == [
        "Not known for Claude Code: it is only marked as quarantined there, and its files may be "
        "back.",
        "Stopped for Codex.",
    ]


def test_what_somebody_wrote_as_read_is_shown_until_the_outpost_sends_it_again(
    device: Device,
) -> None:
    """A limit: the row has no seal."""

    def said() -> str:
        [now] = effects_at_gateways.everywhere("skill", "pdf-exfil", "", INSTANCE)
        return " ".join(now.sentences)

    device.send(config=CONFIG, entries=[])
    OutpostState.objects.update(entries=[row("pdf-exfil", runtime="disable") | {"connector": ""}])
    device.send(lag_s=7)
    assert "Stopped for Claude Code" in said()
    device.send(entries=[])
    assert "Stopped for Claude Code" not in said()


def test_a_hold_of_several_agents_is_said_to_count_where_a_copy_lies(device: Device) -> None:
    agents = CONFIG | {"modes": {"claudecode": "observe", "codex": "action"}}
    device.send(config=agents, entries=[])
    [held] = effects_at_gateways.everywhere("skill", "pdf-exfil", "hold", INSTANCE)
    assert held.sentences[-1] == effects_at_gateways.ONLY_COPIES
    line = effects_at_gateways.expected("hold", "skill", "pdf-exfil", INSTANCE)
    assert line.startswith("Expected for agents that have a copy: ")
    [server] = effects_at_gateways.everywhere("mcp", "github", "hold", INSTANCE)
    assert effects_at_gateways.ONLY_COPIES not in server.sentences


def test_all_that_is_shown_of_gateways_has_the_same_outposts_and_reads_them_once(
    device: Device, amir: Actor
) -> None:
    """One that enrols between both is at the next page, and breaks none: each gateway is known."""
    fleet = instances.fleet()
    with CaptureQueriesContext(connection) as first:
        heard = last_contact.everywhere(fleet, {})
    with CaptureQueriesContext(connection) as later:
        again = last_contact.everywhere(fleet, {})
        assert fleet.scope_of(INSTANCE) == ""
    assert (heard, len(later)) == (again, 1), [query["sql"] for query in later]
    assert len(first) <= 4
    Device(instance="edge-10").enrol(amir)
    assert {one.name for one in fleet.with_outposts} == set(heard)
    assert "edge-10" in {one.name for one in instances.fleet().with_outposts}


@pytest.mark.parametrize(("generation", "is_ours"), [("0.2.0", True), ("0.8.4", False)])
def test_a_row_of_the_oldest_generation_needs_no_tag_where_its_outpost_alone_reports(
    town: Town, amir: Actor, olu: Actor, do_due: Work, generation: str, *, is_ours: bool
) -> None:
    device = Device()
    enrolment = device.enrolment(code_of(amir), generation=generation)
    assert device.post(ENROL, enrolment).status_code == 201
    there = Target("skill", "pdf-exfil", INSTANCE)
    perform(olu, "skill.quarantine", there, params={"terminal": True, "act": "disable"})
    act = {
        "id": "11111111-1111-4111-8111-111111111111",
        "timestamp": clock.now().isoformat(),
        "action": "skill-disable",
        "actor": "cli",
        "target": "pdf-exfil",
        "details": "reason=it reads mail",
        "severity": "INFO",
    }
    device.send(rows=[{"table": "audit_events", "rowid": 1, "row": act}])
    do_due()
    assert Effect.objects.get(kind="gateway.command").state == ("done" if is_ours else "pending")
    assert len(imports.events(action="bypass.found")) == (0 if is_ours else 1)


def test_the_list_of_holds_says_what_the_report_of_an_outpost_comes_to(
    device: Device, olu: Actor, do_due: Work, words: Words
) -> None:
    device.send(config=CONFIG, entries=[])
    perform(olu, "skill.hold", Target("skill", "pdf-exfil", INSTANCE), reason="it reads mail")
    do_due()
    assert "not stopped" in words("/enforcement/?list=held")
    [command] = device.commands()
    device.send(commands=[result(command, entries=[row("pdf-exfil", runtime="disable")])])
    do_due()
    assert "partly stopped" in words("/enforcement/?list=held"), "its files can still be read"
    assert "partly stopped" in words("/enforcement/skill/pdf-exfil/")


@pytest.mark.parametrize("conclude", [overall_of_each, states_of_each])
def test_a_long_list_reads_through_the_entries_of_an_outpost_once(
    device: Device, conclude: Callable[[list[Asset]], object]
) -> None:
    names = [f"skill-{number}" for number in range(2_000)]
    device.send(config=CONFIG, entries=[], quarantine=[f"skills/{name}" for name in names])
    OutpostState.objects.update(entries=[row(name, install="block") for name in names])
    blocked = {"kind": "skill", "instance": INSTANCE, "decision": "block"}
    decided = [
        Asset.objects.create(name=name, decided_at=clock.now(), **blocked) for name in names[:40]
    ]
    few, many = calls(conclude, decided[:1]), calls(conclude, decided)
    assert many < 3 * few, f"{few} calls for one row of the list, {many} for 40"


def calls(conclude: Callable[[list[Asset]], object], decided: list[Asset]) -> int:
    """How many functions are called."""
    profile = cProfile.Profile()
    profile.runcall(conclude, decided)
    return sum(one.callcount for one in profile.getstats())


def test_what_waited_for_a_gateway_is_sent_to_its_outpost_once_that_enrols(
    town: Town, amir: Actor, olu: Actor, do_due: Work
) -> None:
    """The portal could not reach it and tries again after minutes; what it waits for is there."""
    perform(olu, "skill.hold", Target("skill", "pdf-exfil", "edge-1"))
    later = clock.now() + timedelta(minutes=5)
    Effect.objects.update(due=later, detail="edge-1 does not answer.")
    Device(instance="edge-1").enrol(amir)
    do_due()
    step = Effect.objects.get(kind="gateway.hold")
    assert "Waits until the outpost at edge-1 fetches it" in step.detail
