"""Every reason why a hold or block does not stop a use has one short why and one remedy."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import replace
from itertools import product

import pytest

from enforcement.effects import conclude_effect, names_that_match_nothing, remedies
from enforcement.effects.conclude_effect import AgentEffect, Summary, conclude
from enforcement.effects.gateway_facts import GENERATIONS, HEAD, V020, Agent, Entry, GatewayFacts
from enforcement.effects.ways_of_use import OF_OBSERVED_AGENTS
from tests.house.effects_said import ROOT

ENGINE = (conclude_effect, names_that_match_nothing)
NAMES = {
    "mcp": ("pdf", "mcp://codex/pdf", "https://pdf", "mcp__pdf__x", "a b", "plugin_a_b", "a__b"),
    "tool": ("Bash", "Bash ", "shell/run"),
}


def at(kind: str, entry: Entry | None, agent: Agent, generation: str = HEAD) -> GatewayFacts:
    entries = () if entry is None else (entry,)
    return GatewayFacts(generation, kind, "pdf", entries, (agent,))


def reason(facts: GatewayFacts, *, has_outpost: bool = False) -> remedies.Reason | None:
    [effect] = conclude(facts)
    return remedies.reason_for(effect, has_outpost=has_outpost)


BLOCK, DISABLED = Entry("pdf", install="block"), Entry("pdf", runtime="disable")
CLAUDE, CODEX = Agent("claudecode", "action", watched=True), Agent("codex", "action", watched=False)
CURSOR = Agent("cursor", "action", watched=False)


@pytest.mark.parametrize(
    ("facts", "why", "helps"),
    [
        (at("skill", BLOCK, CLAUDE), "An installed copy can still be used.", "enrol an outpost"),
        (
            at("skill", BLOCK, Agent("openclaw", watched=True), V020),
            "An installed copy can still be used, and disabling it was never seen to stop that.",
            "Remove the copy on that machine.",
        ),
        (at("skill", BLOCK, CODEX), "The gateway does not watch the folder.", "Remove the copy"),
        (at("skill", DISABLED, CLAUDE), "Its files can still be read.", "Remove the copy"),
        (
            at(
                "skill",
                Entry("pdf", install="block", runtime="disable"),
                Agent("claudecode", "action", watched=True, hook=False),
            ),
            "The hook is not installed",
            "Install the hook",
        ),
        (at("skill", DISABLED, CURSOR), "It is disabled, which does not stop", "Remove the copy"),
        (at("mcp", BLOCK, CLAUDE), "Only some ways to use it are stopped.", "Nothing here stops"),
        (at("mcp", BLOCK, CURSOR), "Its calls do not name the MCP server.", "Nothing here stops"),
        (
            at("tool", BLOCK, Agent("codex", "observe")),
            "Observe mode only records.",
            "Set action mode on that machine.",
        ),
        (
            at("tool", BLOCK, Agent("codex", "action", hook=False)),
            "The hook is not installed",
            "Install the hook",
        ),
        (at("tool", None, CODEX), "No entry at the gateway restricts it.", "take it again"),
        (
            at("tool", Entry("pdf", install="allow"), CODEX),
            "An entry at the gateway",
            "Remove that",
        ),
        (replace(at("mcp", BLOCK, CODEX), outdated="read long ago"), "not read lately", "Gateways"),
        (
            replace(at("mcp", BLOCK, CODEX), managed=True),
            "managed_enterprise",
            "Nothing here stops",
        ),
    ],
)
def test_a_reason_has_the_remedy_that_was_observed(
    facts: GatewayFacts, why: str, helps: str
) -> None:
    found = reason(facts)
    assert found is not None and why in found.why and helps in found.helps


def test_an_outpost_is_not_offered_where_there_is_one() -> None:
    found = reason(at("skill", BLOCK, CLAUDE), has_outpost=True)
    assert found is not None and "enrol" not in found.helps


def test_what_is_stopped_has_no_reason() -> None:
    assert reason(at("tool", BLOCK, CODEX)) is None


def every_effect() -> Iterator[AgentEffect]:
    """Of all kinds, agents, settings and entries that tell the reasons apart."""
    agents = sorted({agent for _, _, agent in OF_OBSERVED_AGENTS} | {"another"})
    settings = product((None, "observe", "action"), (None, True, False), (None, False))
    some = [Agent(name, *one) for name, one in product(agents, settings)]
    kinds = [(k, n) for k in ("skill", "plugin", "mcp", "tool") for n in NAMES.get(k, ("pdf",))]
    entries = product(("", "block", "allow"), ("", None, "quarantine"), ("", None, "disable"))
    for generation, (kind, name), entry in product((*GENERATIONS, "?"), kinds, entries):
        for path, recorded in (("", None), ("/x/.claude/skills/pdf", False)):
            found = Entry(name, "", *entry, recorded=recorded, path=path)
            facts = GatewayFacts(generation, kind, name, (found,), tuple(some))
            yield from conclude(facts)
    for managed, unread in product((True, None), (None, frozenset({""}))):
        for kind in ("tool", "skill"):
            held = GatewayFacts(HEAD, kind, "pdf", (BLOCK,), tuple(some), managed)
            yield from conclude(replace(held, in_quarantine=unread))
            yield from conclude(replace(held, in_quarantine=unread, entries=()))
    yield from conclude(GatewayFacts(HEAD, "tool", "@gemini/Bash", (), (CODEX,)))


def test_every_reason_of_the_engine_has_a_remedy_and_every_remedy_a_reason() -> None:
    used = set()
    for effect in every_effect():
        if effect.summary == Summary.STOPPED:
            continue
        found = remedies.reason_for(effect)
        assert found is not None and found.why and found.helps
        assert found != remedies.NOT_READ, effect
        assert effect.why in {"", *remedies.OF_WHY}, "a new reason needs a remedy"
        assert remedies.rank(found) >= -1
        used.add(found)
    assert set(remedies.OF_WHY.values()) - used == set()


def test_every_text_of_the_engine_that_says_why_is_in_the_table() -> None:
    """A reason that no fact above leads to is found by its text."""
    texts = {way.why for ways in OF_OBSERVED_AGENTS.values() for way in ways if way.why}
    for module in ENGINE:
        tree = ast.parse((ROOT / (module.__name__.replace(".", "/") + ".py")).read_text())
        said = {
            node.value.value
            for node in ast.walk(tree)
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        }
        strings = {n.value for n in ast.walk(tree) if isinstance(n, ast.Constant)} - said
        texts |= {s for s in strings if isinstance(s, str) and len(s.split()) > 3}
    assert texts == set(remedies.OF_WHY)
