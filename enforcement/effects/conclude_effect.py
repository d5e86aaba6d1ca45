"""Concludes per agent which ways of using a thing are open, stopped or unknown, and sums it up."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from enforcement.effects.gateway_facts import (
    GENERATIONS,
    HEAD,
    V084,
    Agent,
    GatewayFacts,
    InForce,
    in_force,
    tool_of_agent,
)
from enforcement.effects.names_that_match_nothing import why_it_matches_nothing
from enforcement.effects.ways_of_use import Lever, Way, ways_of

RULES_OFF_IN: Final = frozenset({V084, HEAD})
"""Generations in which an allow of a tool switches every rule off for it."""
NO_ENTRY: Final = "no entry there restricts it"
_INSTALLED: Final = frozenset({"skill", "plugin"})
_ONLY_MARKED: Final = "it is only marked as quarantined there, and its files may be back"
_KEPT: Final = "the gateway keeps the folder that its entry names, also when it is created again"
_LIES: Final = "its files are in quarantine there, and may have been installed again since"


class State(StrEnum):
    """Of one way of use."""

    OPEN = "open"
    STOPPED = "stopped"
    UNKNOWN = "unknown"


class Summary(StrEnum):
    """Of all ways of one agent."""

    STOPPED = "stopped"
    STOPPED_IN_PART = "stopped_in_part"
    AT_NEXT_INSTALL = "at_next_install"
    ONLY_IN_ACTION_MODE = "only_in_action_mode"
    RECORDED_ONLY = "recorded_only"
    UNKNOWN = "unknown"
    OPEN = "open"
    RULES_OFF = "rules_off"


@dataclass(frozen=True, slots=True)
class WayState:
    """How one way stands, and why it is not stopped. `would_block`: action mode would stop it."""

    way: Way
    state: State
    why: str = ""
    would_block: bool = False


@dataclass(frozen=True, slots=True)
class AgentEffect:
    """What the entries mean for one agent."""

    agent: str
    summary: Summary
    ways: tuple[WayState, ...]
    why: str = ""

    @property
    def stopped(self) -> tuple[WayState, ...]:
        """The ways that are stopped."""
        return tuple(one for one in self.ways if one.state == State.STOPPED)

    @property
    def not_stopped(self) -> tuple[WayState, ...]:
        """The ways that are open or unknown."""
        return tuple(one for one in self.ways if one.state != State.STOPPED)


def conclude(facts: GatewayFacts) -> tuple[AgentEffect, ...]:
    """The effect for each agent of the gateway, in their order; of an agent's own entry of a tool
    for that agent alone."""
    own, tool = tool_of_agent(facts.generation, facts.kind, facts.name)
    if not own:
        return tuple(conclude_for(facts, agent) for agent in facts.agents)
    found = [agent for agent in facts.agents if agent.name == own]
    if not found:
        why = "the gateway does not name this agent"
        return (AgentEffect(own, Summary.UNKNOWN, (), why),)
    return tuple(conclude_for(replace(facts, name=tool), agent) for agent in found)


def conclude_for(facts: GatewayFacts, agent: Agent) -> AgentEffect:
    """The effect for one agent."""
    if facts.generation not in GENERATIONS:
        why = "the portal does not know which generation of DefenseClaw it is"
        return AgentEffect(agent.name, Summary.UNKNOWN, (), why)
    if facts.outdated:
        return AgentEffect(agent.name, Summary.UNKNOWN, (), facts.outdated)
    counts = in_force(facts, agent)
    if counts.install is None:
        return AgentEffect(agent.name, Summary.UNKNOWN, (), facts.unread)
    ways = tuple(
        _with_files(_hook_answer(facts, agent, counts, way), facts.kind, agent, counts)
        for way in ways_of(facts.generation, facts.kind, agent.name)
    )
    summary, why = _sum_up(facts, agent, counts, ways)
    return AgentEffect(agent.name, summary, ways, why)


def _hook_answer(facts: GatewayFacts, agent: Agent, counts: InForce, way: Way) -> WayState:
    if way.lever == Lever.FILES:
        return WayState(way, State.OPEN)
    if way.lever == Lever.NOTHING:
        return WayState(way, State.OPEN, way.why)
    if way.lever in {Lever.RUNTIME, Lever.UNPROVEN_RUNTIME}:
        return _by_disable(counts, way, agent)
    return _by_block(facts, counts, way, agent)


def _by_disable(counts: InForce, way: Way, agent: Agent) -> WayState:
    if counts.disabled is None:
        return WayState(
            way, State.UNKNOWN, "whether it is disabled there is not readable from here"
        )
    if not counts.disabled:
        return WayState(way, State.OPEN)
    if way.lever == Lever.UNPROVEN_RUNTIME:
        return WayState(way, State.UNKNOWN, "it is disabled, which was never seen to stop this")
    return _unless_no_hook(WayState(way, State.STOPPED), agent)


def _by_block(facts: GatewayFacts, counts: InForce, way: Way, agent: Agent) -> WayState:
    if counts.install != "block":
        return WayState(way, State.OPEN)
    if why := why_it_matches_nothing(facts.generation, facts.kind, facts.name):
        return WayState(way, State.OPEN, why)
    if facts.managed:
        return WayState(way, State.OPEN, "managed_enterprise does not look at block lists")
    if way.lever == Lever.UNPROVEN_INSTALL:
        return WayState(way, State.UNKNOWN, "a block was never observed to stop this")
    if agent.mode is None or facts.managed is None:
        return WayState(way, State.UNKNOWN, "its mode is not known")
    if agent.mode != "action":
        why = "it is in observe mode, which records what action mode would stop"
        return WayState(way, State.OPEN, why, would_block=True)
    return _unless_no_hook(WayState(way, State.STOPPED), agent)


def _unless_no_hook(answer: WayState, agent: Agent) -> WayState:
    if agent.hook is False:
        return WayState(answer.way, State.OPEN, "its hook is not installed or switched off")
    return answer


def _with_files(answer: WayState, kind: str, agent: Agent, counts: InForce) -> WayState:
    """Nothing can be used whose files are gone."""
    if kind not in _INSTALLED or answer.state == State.STOPPED:
        return answer
    gone = agent.files in {"quarantined", "absent"} if agent.files else counts.quarantined
    if gone:
        return WayState(answer.way, State.STOPPED)
    if gone is None and (counts.lies or counts.marked):
        return WayState(answer.way, State.UNKNOWN, _LIES if counts.lies else _ONLY_MARKED)
    if gone is None and answer.way.lever == Lever.FILES:
        return WayState(
            answer.way, State.UNKNOWN, "whether its files are there is not readable from here"
        )
    return answer


def _sum_up(
    facts: GatewayFacts, agent: Agent, counts: InForce, ways: tuple[WayState, ...]
) -> tuple[Summary, str]:
    states = {one.state for one in ways}
    if states == {State.STOPPED}:
        return Summary.STOPPED, ""
    if State.STOPPED in states:
        return Summary.STOPPED_IN_PART, ""
    why = next((one.why for one in ways if one.why), "")
    if State.UNKNOWN in states and (counts.lies or counts.marked):
        return Summary.UNKNOWN, why
    if (counts.at_install if facts.kind in _INSTALLED else counts.install) == "block":
        return _of_block(facts, agent, counts, ways, why)
    if State.UNKNOWN in states and counts.disabled is not False:
        return Summary.UNKNOWN, why
    if counts.disabled:
        return Summary.RECORDED_ONLY, "it is disabled there, which this agent is not asked about"
    if counts.install == "allow" and facts.kind == "tool" and facts.generation in RULES_OFF_IN:
        return Summary.RULES_OFF, ""
    allowed = counts.install == "allow"
    return Summary.OPEN, "an entry there allows it" if allowed else NO_ENTRY


def _of_block(
    facts: GatewayFacts, agent: Agent, counts: InForce, ways: tuple[WayState, ...], why: str
) -> tuple[Summary, str]:
    if facts.kind in _INSTALLED:
        if agent.watched:
            return (Summary.RECORDED_ONLY, _KEPT) if counts.keeps else (Summary.AT_NEXT_INSTALL, "")
        if agent.watched is None:
            return Summary.UNKNOWN, "which agent's folders it watches is not known"
        return Summary.RECORDED_ONLY, "the gateway does not watch its folders"
    if any(one.would_block for one in ways):
        return Summary.ONLY_IN_ACTION_MODE, why
    if any(one.state == State.UNKNOWN for one in ways):
        return Summary.UNKNOWN, why
    return Summary.RECORDED_ONLY, why
