"""A gateway with an outpost and no token in the file is known by what that outpost reports."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from approvals import clock
from approvals.models import Effect
from approvals.pipeline.service import perform
from audit.recording.actors import Actor, Target
from enforcement.gateways import (
    decided_and_enforced_state,
    effects_at_gateways,
    instances,
    unmonitored_gateways,
)
from enforcement.gateways.unreachable_gateway_reasons import troubles
from enforcement.models import Asset, Outpost, OutpostState, Watch
from enforcement.views import effects_of_decisions
from tests.enforcement.browsing import browser
from tests.enforcement.gateways import Edge, Town, known, settle
from tests.enforcement.outpost_device import Device, rewrite
from tests.enforcement.test_a_deaf_gateway_is_red import red
from tests.enforcement.test_an_outpost_gets_signed_commands import result, row

pytestmark = pytest.mark.django_db
Work = Callable[[], None]
CONFIG = {"guardrail.mode": "action", "guardrail.connector": "claudecode"}
SILENT_SINCE = datetime(2026, 10, 31, 9, 48, tzinfo=UTC)


@pytest.fixture
def device(town: Town, edge: Edge, look: Work) -> Device:
    """The outpost of edge-1, whose token was taken out of the file after it had answered."""
    known("admin2", "admin", name="Anna Admin")
    look()
    device = Device(instance="edge-1").enrol(known("admin", "admin").as_actor(via="web"))
    listed = town.folder / "instances.toml"
    lines = listed.read_text().split("[[instance]]")
    without = "\n".join(
        line for line in lines[1].splitlines() if not line.startswith("gateway_token_file")
    )
    listed.write_text("[[instance]]".join([lines[0], without + "\n", *lines[2:]]))
    instances._cache.clear()
    return device


def state_of(name: str = "edge-1") -> str:
    [at] = [
        one
        for one in decided_and_enforced_state.everywhere("skill", "pdf-exfil")
        if one.instance.name == name
    ]
    return at.words


def test_it_answers_as_its_outpost_reports_and_nobody_asks_for_a_token(
    device: Device, look: Work
) -> None:
    device.send(config=CONFIG, entries=[row("other", install="block")], health={"up": True})
    look()
    assert Watch.objects.get(name="edge-1").reachable is None
    assert "edge-1" not in troubles()
    web = browser("operator", "operator")
    assert red(web) == ([], False)
    page = web.get("/enforcement/fleet/").content.decode()
    assert "block list 1<br>" in page and "outpost reported" in page
    page = web.get("/enforcement/fleet/edge-1/settings/").content.decode()
    assert "1 on its block list" in page and "as its outpost reported" in page
    assert "no audit_db is configured" not in page
    assert "Only an outpost reads it" in (
        web.get("/enforcement/preview/skill/pdf-exfil/").content.decode()
    )


def test_one_that_does_not_answer_its_outpost_is_red(device: Device, look: Work) -> None:
    device.send(config=CONFIG, entries=[], health={"up": True})
    look()
    device.send(health={"up": False, "since": "2026-11-29T12:00:00Z"})
    web = browser("operator", "operator")
    [said], at_home = red(web)
    assert at_home
    assert said.startswith("edge-1 does not answer its outpost. Not known since 29 Nov")
    device.send(health={"up": True})
    assert red(web) == ([], False)


def test_an_outpost_that_is_silent_leaves_its_gateway_unknown(
    device: Device, look: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    device.send(config=CONFIG, entries=[], health={"up": True})
    look()
    moment = clock.now() + timedelta(minutes=4)
    monkeypatch.setattr(clock, "now", lambda: moment)
    said = [one.why for one in unmonitored_gateways.everywhere() if one.instance == "edge-1"]
    assert "The outpost of edge-1 does not report." in said


def test_an_outpost_that_never_reported_leaves_its_gateway_unknown(
    device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    web = browser("operator", "operator")
    assert red(web) == ([], False), "it was enrolled just now"
    moment = clock.now() + timedelta(minutes=4)
    monkeypatch.setattr(clock, "now", lambda: moment)
    said = [one.why for one in unmonitored_gateways.everywhere() if one.instance == "edge-1"]
    assert "The outpost of edge-1 does not report." in said
    assert "It reports at least once a minute" in web.get("/enforcement/fleet/").content.decode()


def test_what_is_typed_at_its_terminal_is_done_once_its_outpost_reports_the_entry(
    device: Device, olu: Actor, look: Work, do_due: Work
) -> None:
    device.send(config=CONFIG, entries=[], health={"up": True})
    look()
    settle(olu, Target("skill", "pdf-exfil", "edge-1"), "block", terminal=True)
    (step,) = Effect.objects.filter(kind="gateway.terminal")
    act = {
        "id": "11111111-1111-4111-8111-111111111111",
        "timestamp": "2026-11-30T00:44:00Z",
        "action": "skill-block",
        "actor": "cli",
        "target": "pdf-exfil",
        "details": f"reason=[ATA {step.payload['tag']}] reads mail",
        "severity": "INFO",
        "run_id": step.payload["tag"],
    }
    rows = [{"table": "audit_events", "rowid": 1, "row": act}]
    device.send(rows=rows, entries=[row("pdf-exfil", install="block")])
    do_due()
    step.refresh_from_db()
    assert step.state == "done", step.detail
    assert "At its next install" in step.detail or "Not stopped for Claude Code" in step.detail


def test_a_block_of_others_that_an_unblock_left_is_not_called_gone(
    device: Device, olu: Actor, look: Work, do_due: Work
) -> None:
    others = row("pdf-exfil", install="block", reason="auto-block: watch")
    device.send(config=CONFIG, entries=[], health={"up": True})
    look()
    perform(olu, "skill.hold", Target("skill", "pdf-exfil", "edge-1"))
    do_due()
    [command] = device.commands()
    held = row("pdf-exfil", install="block", runtime="disable")
    device.send(commands=[result(command, entries=[held])])
    do_due()
    settle(olu, Target("skill", "pdf-exfil", "edge-1"), "release")
    do_due()
    Effect.objects.filter(kind="gateway.release").update(state="done", updated=clock.now())
    device.send(entries=[others])
    Effect.objects.filter(kind="gateway.release").update(updated=clock.now() + timedelta(seconds=9))
    assert state_of().startswith("Blocked at the gateway itself")


def one_word(decided: Asset) -> str:
    return str(effects_of_decisions.overall_of_each([decided])[decided.pk])


@pytest.fixture
def stopped(device: Device, look: Work) -> Asset:
    """A block that its outpost reported as stopping the skill in part a moment ago."""
    look()
    held = row("pdf-exfil", install="block", runtime="disable") | {"connector": ""}
    device.send(config=CONFIG, entries=[held], health={"up": True})
    decided = Asset.objects.create(
        kind="skill",
        name="pdf-exfil",
        instance="edge-1",
        decision="block",
        decided_at=clock.now(),
    )
    assert one_word(decided) == "partly_stopped"
    return decided


@pytest.mark.parametrize(
    ("columns", "why"),
    [
        ({"reported_at": SILENT_SINCE}, "its outpost last reported on 31 Oct 2026 09:48 UTC"),
        ({"suspended_at": SILENT_SINCE}, "its outpost is suspended, and its reports are refused"),
        ({"contested_at": SILENT_SINCE}, "its outpost is contested: its key is in two places"),
    ],
)
def test_what_an_outpost_read_before_it_is_silent_suspended_or_contested_is_not_known_now(
    stopped: Asset, columns: dict[str, datetime], why: str
) -> None:
    rewrite(Outpost, **columns)
    assert one_word(stopped) == "effect_not_known"
    [now] = effects_at_gateways.everywhere("skill", "pdf-exfil", "", "edge-1")
    assert now.sentences == [f"Not known for Claude Code: {why}."]
    [expected] = effects_at_gateways.everywhere("skill", "pdf-exfil", "block", "edge-1")
    assert why in expected.sentences[0]
    page = browser("operator", "operator").get("/enforcement/skill/pdf-exfil/").content.decode()
    assert why in page and "effect not known" in page


@pytest.mark.parametrize("said", ["", "yesterday", "0001-01-01T00:00:00+14:00", 7])
def test_an_outpost_without_entries_since_a_time_that_is_none_leaves_the_effect_unknown(
    device: Device, stopped: Asset, said: object
) -> None:
    device.send(health={"up": True, "no_entries_since": said})
    assert one_word(stopped) == "effect_not_known"
    [now] = effects_at_gateways.everywhere("skill", "pdf-exfil", "", "edge-1")
    assert now.sentences == [
        "Not known for Claude Code: its outpost has not been able to report the gateway's entries."
    ]
    shown = browser("operator", "operator").get("/enforcement/fleet/").content.decode()
    assert "The outpost of edge-1 cannot report its entries" in shown
    device.send(health={"up": True})
    assert one_word(stopped) == "partly_stopped"


def test_what_an_outpost_cannot_report_is_not_known_any_more(
    device: Device, stopped: Asset
) -> None:
    device.send(quarantine=["skills/claudecode/pdf-exfil"])
    lacks = ["config", "entries", "quarantine", "host", {"health": 1}, 7]
    device.send(health={"up": True, "not_reported": lacks})
    state = OutpostState.objects.get()
    assert (state.entries, state.config, state.quarantine) == (None, None, None)
    assert state.health is not None
    assert one_word(stopped) == "effect_not_known"
    [now] = effects_at_gateways.everywhere("skill", "pdf-exfil", "", "edge-1")
    assert now.sentences == ["Not known for any agent: the gateway names none."]
    page = browser("operator", "operator").get("/enforcement/fleet/edge-1/settings/")
    assert "reported its settings lately, so how it is set now is not known" in (
        page.content.decode()
    )
    held = row("pdf-exfil", install="block", runtime="disable") | {"connector": ""}
    device.send(config=CONFIG, entries=[held])
    assert one_word(stopped) == "partly_stopped", "it is reported again"


@pytest.mark.parametrize("lacks", ["config", {"config": 1}, None, 7])
def test_a_health_that_names_no_list_of_facts_forgets_none(
    device: Device, stopped: Asset, lacks: object
) -> None:
    device.send(health={"up": True, "not_reported": lacks})
    assert one_word(stopped) == "partly_stopped"
