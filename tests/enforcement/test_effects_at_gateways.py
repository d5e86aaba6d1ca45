"""What agents may still do after a decision, at stand-in gateways of each generation."""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.conf import LazySettings
from django.test import Client, RequestFactory

from api.problems import Problem
from approvals import clock
from approvals.errors import Refused
from approvals.models import Effect, EffectState
from audit.recording.actors import Actor, Target
from enforcement.api import component_at_gateways as api
from enforcement.decisions import decision_severity
from enforcement.gateways import effects_at_gateways, health_checks, instances, one_call_at_a_time
from enforcement.gateways.client import Gateway, GatewayError, NotAnswering, Refuses
from enforcement.models import Asset, GatewayCall, Watch
from tests.enforcement.browsing import browser
from tests.enforcement.gateways import settle
from tests.enforcement.stand_ins import StandIn, register, running

Do = Callable[[], None]
Start = Callable[..., StandIn]
AGENTS = ("--agent", "claudecode=action", "--agent", "codex=action", "--agent", "cursor=action")
AT = {"0.2.0": (), "0.8.4": ("--connector", "claudecode")}
NO_NAME = "its call carries no server name that DefenseClaw matches"


@pytest.fixture
def start(tmp_path: Path, settings: LazySettings, db: None) -> Iterator[Start]:
    """Start and register a stand-in gateway, and ask it once how it is."""
    settings.VAR_DIR = tmp_path
    with ExitStack() as stack:

        def begin(generation: str, *options: str, reads_database: bool = True) -> StandIn:
            made = stack.enter_context(running(tmp_path, "lab", generation, *options))
            register(tmp_path, made, reads_database=reads_database)
            look()
            return made

        yield begin
    instances._cache.clear()


def look() -> None:
    """Ask the registered gateways how they are."""
    for instance in instances.fleet().instances:
        Watch.objects.get_or_create(name=instance.name, defaults={"due": clock.now()})
        health_checks.note(instance, health_checks.probe(instance), clock.now())


def detail(kind: str) -> str:
    [step] = Effect.objects.filter(kind=kind)
    return f"{step.state}: {step.detail}"


@pytest.mark.parametrize("reads_database", [True, False])
def test_a_blocked_server_is_said_to_be_stopped_for_those_agents_that_name_it(
    start: Start, olu: Actor, do_due: Do, reads_database: bool
) -> None:
    start("head", *AGENTS, reads_database=reads_database)
    settle(olu, Target("mcp", "github"), "block")
    do_due()
    said = detail("gateway.block")
    assert said.startswith("done: the gateway acknowledged the block. Stopped for Claude Code's")
    assert "Stopped for Codex." in said and f"Not stopped for Cursor: {NO_NAME}" in said


def test_an_own_allow_of_an_agent_is_seen_in_the_database(
    start: Start, olu: Actor, do_due: Do
) -> None:
    start("head", *AGENTS).entry("mcp", "github", "codex", install="allow")
    settle(olu, Target("mcp", "github"), "block")
    do_due()
    assert "Not stopped for Codex: an entry there allows it." in detail("gateway.block")


def test_a_block_that_lists_give_to_no_agent_is_unknown(start: Start) -> None:
    gateway = start("head", *AGENTS, reads_database=False)
    gateway.entry("mcp", "github", "codex", install="block")
    look()
    [effect] = effects_at_gateways.everywhere("mcp", "github")
    assert "Not known for Claude Code, Codex and Cursor" in effect.sentences[0]


@pytest.mark.parametrize("reads_database", [True, False])
def test_an_own_entry_of_an_agent_about_a_tool_is_seen(
    start: Start, olu: Actor, do_due: Do, reads_database: bool
) -> None:
    options = ("--agent", "claudecode=action", "--agent", "codex=action")
    gateway = start("head", *options, reads_database=reads_database)
    gateway.entry("tool", "@codex/Bash", install="allow")
    settle(olu, Target("tool", "Bash"), "block")
    do_due()
    said = detail("gateway.block")
    assert "Stopped for Claude Code. Allowed for Codex: every DefenseClaw rule" in said


@pytest.mark.parametrize("reads_database", [True, False])
def test_the_page_of_an_own_entry_is_about_that_agent_alone(
    start: Start, reads_database: bool
) -> None:
    gateway = start("head", *AGENTS, reads_database=reads_database)
    gateway.entry("tool", "@codex/Bash", install="block")
    look()
    [effect] = effects_at_gateways.everywhere("tool", "@codex/Bash")
    assert effect.sentences == ["Stopped for Codex."]
    [absent] = effects_at_gateways.everywhere("tool", "@openclaw/Bash")
    assert absent.sentences == ["Not known for OpenClaw: the gateway does not name this agent."]
    [allowed] = effects_at_gateways.everywhere("tool", "@codex/Bash", "allow")
    assert allowed.as_json() == [{"agent": "codex", "summary": "rules_off"}]


def test_a_reason_that_only_looks_like_ours_does_not_make_an_entry_count_for_all(
    start: Start, olu: Actor, do_due: Do
) -> None:
    start("head", *AGENTS, reads_database=False)
    settle(olu, Target("mcp", "github"), "block")
    do_due()
    watch = Watch.objects.get(name="lab")
    for reason in ("[ATA x] mine", "ATA hold x until released by hand"):
        watch.blocked = [{"kind": "mcp", "name": "github", "reason": reason}]
        watch.listed_at = clock.now()
        watch.save()
        [effect] = effects_at_gateways.everywhere("mcp", "github")
        assert "its lists do not say for which agent it is" in effect.sentences[0]


@pytest.mark.parametrize(("act", "words"), [("hold", "on hold"), ("block", "blocked")])
@pytest.mark.parametrize("restricted_at", ["", "lab"])
def test_a_hold_or_block_of_a_tool_is_not_got_round_by_the_name_of_one_agents_entry(
    start: Start, olu: Actor, act: str, words: str, restricted_at: str
) -> None:
    start("head", *AGENTS)
    settle(olu, Target("tool", "Bash", restricted_at), act)
    for at in ("", "lab"):
        with pytest.raises(Refused, match=f"{words} for all agents"):
            settle(olu, Target("tool", "@codex/Bash", at), "allow")


def test_a_tool_that_was_unblocked_is_allowed_for_one_agent(start: Start, olu: Actor) -> None:
    start("head", *AGENTS)
    for name, act in (("Bash", "block"), ("Bash", "unblock"), ("@codex/Bash", "allow")):
        settle(olu, Target("tool", name), act)
    assert Asset.objects.get(name="@codex/Bash").decision == "allow"


@pytest.mark.parametrize("trouble", [NotAnswering("gone", maybe_done=False), Refuses("no", 404)])
def test_what_was_acknowledged_but_not_read_back_is_unknown(
    start: Start, olu: Actor, do_due: Do, trouble: GatewayError, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway = start("head", *AGENTS)
    settle(olu, Target("mcp", "github"), "block")
    with monkeypatch.context() as during:

        def fails(_: Gateway) -> None:
            raise trouble

        during.setattr(Gateway, "blocked", fails)
        do_due()
    assert "api-enforce-block" in gateway.actions()
    assert detail("gateway.block") == f"unknown: {trouble.detail}", "after several tries"
    do_due()
    assert detail("gateway.block").startswith("done: blocked, as read back from the gateway")


def test_of_a_gateway_that_was_not_read_for_a_minute_nothing_is_concluded(
    start: Start, olu: Actor, do_due: Do
) -> None:
    start("head", *AGENTS)
    settle(olu, Target("tool", "Bash"), "block")
    do_due()
    assert effects_at_gateways.everywhere("tool", "Bash")[0].sentences[0].startswith("Stopped")
    seen = clock.now() - timedelta(seconds=61)
    Watch.objects.filter(name="lab").update(reachable=False, last_seen=seen, listed_at=seen)
    since = f"the gateway was last read on {seen:%-d %b %Y %H:%M} UTC"
    for act in ("", "allow"):
        [effect] = effects_at_gateways.everywhere("tool", "Bash", act)
        assert effect.sentences == [f"Not known for Claude Code, Codex and Cursor: {since}."]
    look()
    assert effects_at_gateways.everywhere("tool", "Bash")[0].sentences[0].startswith("Stopped")


def test_a_block_of_a_skill_is_said_to_leave_it_running(
    start: Start, olu: Actor, do_due: Do
) -> None:
    start("0.8.4", "--agent", "claudecode=action", "--agent", "codex=action")
    settle(olu, Target("skill", "notes"), "block")
    do_due()
    said = detail("gateway.block")
    assert "Not stopped for Claude Code: an installed copy can still be used." in said
    assert "Not stopped for Codex: the gateway does not watch its folders." in said


@pytest.mark.parametrize(("state", "summary"), [("active", "stopped"), ("restored", "unknown")])
def test_files_are_in_quarantine_where_a_record_of_the_gateway_says_so(
    start: Start, state: str, summary: str
) -> None:
    gateway = start("head", "--agent", "claudecode=action")
    gateway.entry("skill", "mal-b", install="block", file="quarantine")
    with closing(sqlite3.connect(gateway.database, timeout=5)) as source, source:
        source.execute(
            "INSERT INTO quarantine_records (id, target_type, target_name, original_path,"
            " quarantine_path, content_hash, state, created_at, updated_at)"
            " VALUES ('q', 'skill', 'mal-b', '/a', '/q', 'd', ?, '2026-11-28', '2026-11-28')",
            (state,),
        )
    [effect] = effects_at_gateways.everywhere("skill", "mal-b")
    assert effect.as_json() == [{"agent": "claudecode", "summary": summary}]


@pytest.mark.parametrize("generation", ["0.2.0", "0.8.4"])
def test_a_mark_of_quarantine_proves_nothing_once_the_files_may_be_back(
    start: Start, olu: Actor, do_due: Do, generation: str
) -> None:
    first = "openclaw" if generation == "0.2.0" else "claudecode"
    gateway = start(generation, "--agent", f"{first}=action")
    folder = gateway.home / (".openclaw" if generation == "0.2.0" else ".claude") / "skills/notes"

    def put_there() -> None:
        folder.mkdir(parents=True)
        (folder / "SKILL.md").write_text("# Notes")

    def summary() -> str:
        [effect] = effects_at_gateways.everywhere("skill", "notes")
        return effect.as_json()[0]["summary"]

    put_there()
    gateway.command("skill", "quarantine", "notes", *AT[generation])
    settle(olu, Target("skill", "notes"), "block")
    do_due()
    assert not folder.exists() and summary() == "stopped"
    settle(olu, Target("skill", "notes"), "unblock")
    do_due()
    put_there()
    time.sleep(1.5)  # its watcher lets it be
    settle(olu, Target("skill", "notes"), "block")
    do_due()
    assert folder.exists() and summary() == "unknown"


def test_an_allow_under_a_disable_for_all_agents_is_not_sent(
    start: Start, olu: Actor, do_due: Do
) -> None:
    gateway = start("head", *AGENTS)
    gateway.entry("skill", "mal-b", install="block", file="quarantine", runtime="disable")
    settle(olu, Target("skill", "mal-b"), "allow")
    do_due()
    said = detail("gateway.allow")
    assert said.startswith("failed: Not sent: skill mal-b is disabled there for all agents")
    assert "`defenseclaw skill enable mal-b` on its host" in said
    assert "api-enforce-allow" not in gateway.actions()


@pytest.mark.parametrize(("openclaw", "sent"), [("never", False), ("connected", True)])
def test_a_block_that_would_end_an_old_gateway_waits_for_openclaw(
    start: Start, olu: Actor, do_due: Do, openclaw: str, sent: bool
) -> None:
    gateway = start("0.2.0", "--take-action", "on", "--openclaw", openclaw)
    settle(olu, Target("skill", "notes"), "block")
    do_due()
    assert ("api-enforce-block" in gateway.actions()) is sent
    assert detail("gateway.block").startswith("done" if sent else "pending: Not sent yet")


@pytest.mark.parametrize("act", ["block", "hold"])
def test_a_block_whose_tries_ended_is_sent_once_openclaw_is_there(
    start: Start, olu: Actor, do_due: Do, act: str
) -> None:
    gateway = start("0.2.0", "--take-action", "on", "--openclaw", "never")
    settle(olu, Target("skill", "notes"), act)
    do_due()
    Effect.objects.filter(kind=f"gateway.{act}").update(state=EffectState.FAILED, due=None)
    look()
    assert Effect.objects.get(kind=f"gateway.{act}").state == EffectState.FAILED
    [instance] = instances.fleet().instances
    said = health_checks.probe(instance)
    assert said.health is not None
    met = replace(said.health, settings=replace(said.health.settings, met_openclaw=True))
    health_checks.note(instance, replace(said, health=met), clock.now())
    do_due()
    assert "api-enforce-block" in gateway.actions()
    assert detail(f"gateway.{act}").startswith("done")


def test_a_locked_database_of_an_old_gateway_is_waited_for(
    start: Start, olu: Actor, do_due: Do
) -> None:
    gateway = start("0.2.0")
    settle(olu, Target("tool", "delete_file"), "block")

    def lock() -> None:
        with closing(sqlite3.connect(gateway.database, isolation_level=None)) as source:
            source.execute("BEGIN IMMEDIATE")
            held.set()
            time.sleep(0.4)
            source.execute("ROLLBACK")

    held = threading.Event()
    other = threading.Thread(target=lock)
    other.start()
    held.wait(5)
    do_due()
    other.join()
    assert detail("gateway.block").startswith("done")
    assert Effect.objects.get(kind="gateway.block").attempts == 1
    assert "Not stopped for OpenClaw: it is in observe mode" in detail("gateway.block")


def test_an_old_gateway_gets_one_change_at_a_time(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(one_call_at_a_time, "_TRIES", 2)
    start("0.2.0")
    with (
        one_call_at_a_time.turn_at("lab"),
        pytest.raises(NotAnswering, match="one at a time") as waits,
        one_call_at_a_time.turn_at("lab"),
    ):
        pass
    assert waits.value.retry_in_s == 1.0 and not waits.value.maybe_done
    with one_call_at_a_time.turn_at("lab"):
        assert GatewayCall.objects.get(name="lab").lease is not None
    assert GatewayCall.objects.get(name="lab").lease is None


def test_no_secret_of_a_status_is_kept(start: Start) -> None:
    start("0.2.0", "--openclaw", "connected")
    kept = Watch.objects.get(name="lab").settings
    assert set(kept) == {
        "generation", "agents", "managed", "take_action", "met_openclaw", "started_at",
    }  # fmt: skip
    assert kept["generation"] == "0.2.0" and kept["met_openclaw"] is True


def test_the_page_says_the_effect_now_and_before_the_click(start: Start, do_due: Do) -> None:
    start("head", *AGENTS)
    olu_web: Client = browser("operator", "operator")
    page = olu_web.get("/enforcement/mcp/github/").content.decode()
    assert "Not restricted for Claude Code, Codex and Cursor." in page
    assert f"Not stopped for Cursor: {NO_NAME}" in page, "what a block would do"


def test_the_api_shows_ways_of_use_and_is_not_for_members(
    start: Start, rf: RequestFactory, olu: Actor
) -> None:
    start("head", *AGENTS)

    def shown_to(actor: Actor) -> dict[str, Any]:
        request = rf.get("/")
        request.META["ATA_CALLER"] = SimpleNamespace(actor=actor)
        return dict(json.loads(api.show(request, "mcp", "mcp://codex/github").content))

    body = shown_to(olu)
    assert body["warning"].startswith("A block of this name stops nothing: calls carry the name")
    assert body["gateways"][0]["agents"][1] == {
        "agent": "codex",
        "summary": "open",
        "why": "no entry there restricts it",
        "ways": [{"way": "tool_call", "state": "open", "why": ""}],
    }
    with pytest.raises(Problem, match="for operators, auditors"):
        shown_to(replace(olu, roles=frozenset()))


def test_an_allow_of_a_tool_that_switches_every_rule_off_is_critical(start: Start) -> None:
    start("head", *AGENTS)
    assert decision_severity.of_allowing(Target("tool", "Bash"), {}) == "CRITICAL"
    assert decision_severity.of_allowing(Target("skill", "notes"), {}) == "HIGH"
    assert decision_severity.why_allow_is_risky(Target("tool", "Bash"), {}) == (
        "an allow switches every DefenseClaw rule off for this tool there; no scanner looks at "
        "tools"
    )
    assert decision_severity.why_allow_is_risky(Target("skill", "notes"), {}) == (
        "no scan of it was read"
    )
    [effect] = effects_at_gateways.everywhere("tool", "Bash", "allow")
    assert "every DefenseClaw rule is switched off for this tool" in effect.sentences[0]


def test_an_allow_of_a_tool_at_an_old_gateway_leaves_the_rules_on(start: Start) -> None:
    start("0.2.0")
    assert decision_severity.of_allowing(Target("tool", "exec"), {}) == "HIGH"


def test_another_case_of_a_known_server_is_warned_of_before_the_click(start: Start) -> None:
    start("head", *AGENTS).entry("mcp", "github", install="block")
    look()
    web: Client = browser("operator", "operator")
    page = web.get("/enforcement/mcp/GitHub/").content.decode()
    assert "capital letters included. MCP server github is known here." in page
    assert "stops nothing" not in web.get("/enforcement/mcp/github/").content.decode()


@pytest.mark.parametrize(
    ("generation", "source", "answer", "state"),
    [
        ("0.8.4", "userSettings", "allow", "open"),
        ("head", "userSettings", "block", "stopped"),
        ("head", "skill", "block", "stopped"),
    ],
)
def test_the_slash_command_of_a_disabled_skill_is_stopped_only_where_the_hook_knows_its_source(
    start: Start, generation: str, source: str, answer: str, state: str
) -> None:
    gateway = start(generation, "--agent", "claudecode=observe")
    gateway.entry("skill", "notes", "claudecode", runtime="disable")
    asked = {
        "hook_event_name": "UserPromptExpansion",
        "expansion_type": "slash_command",
        "command_name": "notes",
        "command_source": source,
    }
    assert gateway.hook("claude-code", asked)["action"] == answer
    [effect] = effects_at_gateways.everywhere("skill", "notes")
    ways = {one.way.code: str(one.state) for one in effect.agents[0].ways}
    assert ways == {"skill_tool": "stopped", "slash_command": state, "files": "open"}


def test_a_gateways_reason_is_shown_without_the_tag_and_with_the_decision(
    start: Start, olu: Actor, do_due: Do
) -> None:
    start("0.2.0")  # answers with the reason of its list, where no policy is installed
    settle(olu, Target("skill", "notes"), "block")
    do_due()
    page = browser("operator", "operator").get("/enforcement/preview/skill/notes/").content.decode()
    assert "lab" in page and "blocked" in page and "[ATA " not in page
    [step] = Effect.objects.filter(kind="gateway.block")
    assert f'href="/audit/?operation={step.operation}">The decision in the audit trail</a>' in page
