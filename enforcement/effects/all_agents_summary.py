"""The effect on all agents in one word, and in one clause after the decision."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Final

from enforcement.effects.conclude_effect import Summary
from enforcement.effects.sentences import joined

_NAMED: Final = 2
"""Gateways that one clause names; the table below has the others."""


class Overall(StrEnum):
    """Of all agents that count; the values are states of `ui.code_labels`."""

    STOPPED = "stopped"
    PARTLY_STOPPED = "partly_stopped"
    NOT_STOPPED = "not_stopped"
    NOT_KNOWN = "effect_not_known"


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


def clause_after_decision(found: Overall, *, installed: bool, where: str = "") -> str:
    """`, but agents can still use it`, as it follows a decision and `where` it counts. Of what is
    `installed` as files it does not claim that a copy is there."""
    it = "it where a copy is installed" if installed else "it"
    there = " there" if where else ""
    return {
        Overall.STOPPED: f", and every known use{there} is stopped",
        Overall.PARTLY_STOPPED: f", but some uses{there} are not known to be stopped",
        Overall.NOT_STOPPED: f", but agents{there} can still use {it}",
        Overall.NOT_KNOWN: f", but it is not known whether agents{there} can still use {it}",
    }[found]


def at_gateways(names: Sequence[str], every: int) -> str:
    """` at edge-1 and edge-2`, ` at 3 of 5 gateways`; empty where it is all of `every` gateway."""
    if len(names) == every:
        return ""
    return (
        f" at {joined(names)}" if len(names) <= _NAMED else f" at {len(names)} of {every} gateways"
    )
