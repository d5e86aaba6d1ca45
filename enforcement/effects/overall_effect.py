"""The effect on all agents in one word, and the agents for which use is not stopped."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Final

from enforcement.effects.conclusion import AgentEffect, Summary
from enforcement.effects.gateway_facts import agent_label
from enforcement.effects.sentences import joined

_NAMED: Final = 5
"""Gateways that one clause names; of a large fleet the table below has the others."""


class Overall(StrEnum):
    """Of all agents that count; the values are states of `ui.code_labels`."""

    STOPPED = "stopped"
    PARTLY_STOPPED = "partly_stopped"
    NOT_STOPPED = "not_stopped"
    NOT_KNOWN = "effect_not_known"


_NOT_STOPPED: Final = {
    Overall.NOT_STOPPED: "not stopped",
    Overall.PARTLY_STOPPED: "partly stopped",
    Overall.NOT_KNOWN: "not known",
}


def overall(summaries: Iterable[str]) -> Overall:
    """Of agents by their summaries: partly stopped where something is known to be stopped and the
    rest is open or unknown."""
    found = set(summaries) or {Summary.UNKNOWN}
    if found == {Summary.STOPPED}:
        return Overall.STOPPED
    if found & {Summary.STOPPED, Summary.STOPPED_IN_PART}:
        return Overall.PARTLY_STOPPED
    return Overall.NOT_KNOWN if found == {Summary.UNKNOWN} else Overall.NOT_STOPPED


def overall_at(gateways: Iterable[Sequence[str]]) -> Overall:
    """Of the agents of several gateways; one that names no agent is not known."""
    return overall(one for some in gateways for one in some or [Summary.UNKNOWN])


def in_a_sentence(decided: str, found: Overall, *, installed: bool) -> str:
    """`On hold, but agents can still use it.`: what a decision comes to; empty where all of it is
    stopped. Of what is `installed` as files it is about copies that are there."""
    it = "copies that are installed" if installed else "it"
    return {
        Overall.STOPPED: "",
        Overall.PARTLY_STOPPED: f"{decided}, but some uses are not known to be stopped.",
        Overall.NOT_STOPPED: f"{decided}, but agents can still use {it}.",
        Overall.NOT_KNOWN: f"{decided}, but it is not known whether agents can still use {it}.",
    }[found]


def where_not_stopped(gateways: Mapping[str, Sequence[AgentEffect]]) -> str:
    """`Not stopped for Codex at edge-1; not known at edge-2.`; empty where all of it is stopped."""
    clauses = [
        f"{words}{f' for {joined(agents)}' if agents else ''} at {_gateways(names)}"
        for state, words in _NOT_STOPPED.items()
        for agents, names in _by_agents(gateways, state).items()
    ]
    said = "; ".join(clauses)
    return f"{said[0].upper()}{said[1:]}." if said else ""


def _by_agents(
    gateways: Mapping[str, Sequence[AgentEffect]], state: Overall
) -> dict[tuple[str, ...], list[str]]:
    """The gateways by the agents for which it has that state there; by none for no agent named."""
    found: dict[tuple[str, ...], list[str]] = {}
    for name, effects in gateways.items():
        agents = tuple(agent_label(e.agent) for e in effects if overall([e.summary]) == state)
        if agents or (not effects and state == Overall.NOT_KNOWN):
            found.setdefault(agents, []).append(name)
    return found


def _gateways(names: Sequence[str]) -> str:
    more = len(names) - _NAMED
    if more < 2:
        return joined(names)
    return f"{', '.join(names[:_NAMED])} and {more} more gateways"
