"""An effect that becomes another one is recorded once, and shown on Home and the page of it."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path

import pytest
from django.conf import LazySettings

from approvals import clock
from audit.models import EventRow, Openings
from audit.recording.actors import Actor, Target
from enforcement.gateways import health_checks, instances
from enforcement.models import ConcludedEffect, Watch
from tests.enforcement.browsing import browser
from tests.enforcement.gateways import settle
from tests.enforcement.stand_ins import StandIn, register, running

Do = Callable[[], None]
AGENTS = ("--agent", "claudecode=action", "--agent", "codex=action")
BASH = Target("tool", "Bash")


@pytest.fixture
def lab(tmp_path: Path, settings: LazySettings, db: None) -> Iterator[StandIn]:
    """A stand-in gateway of HEAD with two agents in action mode."""
    settings.VAR_DIR = tmp_path
    with ExitStack() as stack:
        made = stack.enter_context(running(tmp_path, "lab", "head", *AGENTS))
        register(tmp_path, made)
        look()
        yield made
    instances._cache.clear()


def look(*modes: str) -> None:
    """Ask the gateway how it is; `modes` are those that its agents have instead."""
    [instance] = instances.fleet().instances
    Watch.objects.get_or_create(name=instance.name, defaults={"due": clock.now()})
    said = health_checks.probe(instance)
    assert said.health is not None
    if modes:
        known = said.health.settings.agents
        agents = tuple(
            replace(known[place], mode=mode)
            if place < len(known)
            else replace(known[0], name="geminicli", mode=mode)
            for place, mode in enumerate(modes)
        )
        changed = replace(said.health.settings, agents=agents)
        said = replace(said, health=replace(said.health, settings=changed))
    health_checks.note(instance, said, clock.now())


def effects() -> list[tuple[str, int]]:
    """Action and severity of each event about an effect, oldest first."""
    rows = EventRow.objects.filter(action__startswith="effect.").order_by("event")
    return list(rows.values_list("action", "severity"))


def forget(gateway: StandIn, name: str) -> None:
    with closing(sqlite3.connect(gateway.database, timeout=5)) as source, source:
        source.execute("DELETE FROM actions WHERE target_name = ?", (name,))


def newest() -> EventRow:
    found = EventRow.objects.filter(action__startswith="effect.").order_by("event").last()
    assert found is not None
    return found


HIGH, MEDIUM, INFO = 3, 2, 0


def test_a_mode_that_changes_is_recorded_once_and_so_is_the_way_back(
    lab: StandIn, olu: Actor, do_due: Do
) -> None:
    settle(olu, BASH, "block")
    do_due()
    look()
    look()
    assert effects() == [], "the acknowledgement has the effect"
    for _ in range(2):
        look("observe", "action")
    assert effects() == [("effect.differs", HIGH)]
    assert newest().outcome == "failure"
    assert newest().sentence == (
        "lab was found to differ from the decision: tool Bash was blocked; according to its "
        "lists: only in action mode for Claude Code, stopped for Codex"
    )
    opened = Openings.objects.filter(event=newest().event)
    assert "it is in observe mode" in str(list(opened.values_list("values", flat=True)))
    web = browser("operator", "operator")
    home = web.get("/").content.decode()
    assert "Decisions whose effect at a gateway changed" in home
    assert "Not stopped for Claude Code: it is in observe mode" in home
    assert "Agents may get past 1 hold or block" in home
    assert 'href="/enforcement/?list=not_stopped"' in home
    listed = web.get("/enforcement/?list=not_stopped").content.decode()
    assert "/enforcement/tool/Bash/" in listed and "partly stopped" in listed
    assert "Bash" not in web.get("/enforcement/?list=not_stopped&q=curl").content.decode()
    page = web.get("/enforcement/tool/Bash/").content.decode()
    assert re.search(r'"Decision">.{0,200}blocked', page, re.S)
    assert re.search(r'"Effect on agents">.{0,300}partly stopped', page, re.S)
    assert "was found to differ from the decision" in page
    assert "Entries read from its audit database" in page
    for _ in range(2):
        look()
    assert effects() == [("effect.differs", HIGH), ("effect.changed", MEDIUM)]
    home = web.get("/").content.decode()
    assert "Decisions whose effect at a gateway changed" not in home
    assert "list=not_stopped" not in home
    empty = web.get("/enforcement/?list=not_stopped").content.decode()
    assert "No agent is known to get past a hold or block" in empty


@pytest.mark.parametrize(("act", "severity"), [("block", HIGH), ("hold", HIGH), ("allow", MEDIUM)])
def test_an_entry_that_is_gone_differs_from_what_was_decided(
    lab: StandIn, olu: Actor, do_due: Do, act: str, severity: int
) -> None:
    settle(olu, BASH, act)
    do_due()
    look()
    forget(lab, "Bash")
    for _ in range(2):
        look()
    assert effects() == [("effect.differs", severity)]


def test_an_agent_that_is_added_and_is_open_differs(lab: StandIn, olu: Actor, do_due: Do) -> None:
    settle(olu, BASH, "block")
    do_due()
    look("action", "action", "action")
    assert effects() == [("effect.changed", MEDIUM)], "it is stopped for the new one as well"
    look("action", "action", "observe")
    assert effects()[1:] == [("effect.differs", HIGH)]


def test_a_gateway_that_was_registered_after_the_decision_has_it_or_differs(
    lab: StandIn, olu: Actor, settings: LazySettings
) -> None:
    file = settings.VAR_DIR / "demo/instances.toml"
    lines = file.read_text()
    file.write_text("")
    instances._cache.clear()
    settle(olu, BASH, "block")
    settle(olu, Target("mcp", "github"), "block")
    file.write_text(lines)
    instances._cache.clear()
    lab.entry("tool", "Bash", install="block")
    for _ in range(2):
        look()
    assert sorted(effects()) == [("effect.differs", HIGH), ("effect.observed", INFO)]


def test_nothing_is_recorded_about_what_nobody_decided_on(
    lab: StandIn, olu: Actor, do_due: Do
) -> None:
    lab.entry("tool", "Edit", install="block")
    look()
    forget(lab, "Edit")
    look("observe", "observe")
    look()
    settle(olu, BASH, "block")
    do_due()
    look()
    settle(olu, BASH, "unblock")
    do_due()
    look("observe", "observe")
    assert effects() == []
    assert not ConcludedEffect.objects.exists()


def test_lists_that_were_read_before_an_act_or_a_database_that_cannot_be_read_conclude_nothing(
    lab: StandIn, olu: Actor, do_due: Do, settings: LazySettings
) -> None:
    [instance] = instances.fleet().instances
    before = health_checks.probe(instance)
    settle(olu, BASH, "block")
    do_due()
    health_checks.note(instance, before, clock.now())
    file = settings.VAR_DIR / "demo/instances.toml"
    lines = file.read_text()
    for database in ("gone/audit.db", str(lab.database)):
        file.write_text(lines.replace(str(lab.database), database))
        instances._cache.clear()
        look()
    assert effects() == []
