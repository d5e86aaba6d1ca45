"""Decisions among the events of a filter: how many name a verified human, and how many do not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from audit.ledger.query import EventQuery

VERIFIED = ("H1", "H2", "H3")
REPORTED = "task"


@dataclass(frozen=True, slots=True)
class Decisions:
    """Decisions of a filter by whether a verified human is named; not exact = estimated."""

    verified: int
    unverified: int
    exact: bool

    @property
    def total(self) -> int:
        """All of them."""
        return self.verified + self.unverified


def among(query: EventQuery, actions: Sequence[str]) -> EventQuery | None:
    """The decisions of a query, as a query; None where its actions exclude every decision.

    Args:
        query: its own actions are narrowed to decisions.
        actions: what a decision is recorded as; the apps that decide know.
    """
    asked = query.values("action")
    kept = _common(asked, actions) if asked else tuple(actions)
    if not kept:
        return None
    found = query.at("").dropping("action")
    for action in kept:
        found = found.including("action", action)
    # Remote steps of a decision are reported by the worker, as events of the same name.
    return found.including("via", REPORTED, excluded=True)


def _common(asked: Sequence[str], decisions: Sequence[str]) -> tuple[str, ...]:
    narrower = [
        one if covers(other, one) else other
        for one in asked
        for other in decisions
        if covers(one, other) or covers(other, one)
    ]
    return tuple(dict.fromkeys(narrower))


def covers(wider: str, narrower: str) -> bool:
    """Whether an action or family includes another action or family."""
    return wider == narrower or (wider.endswith(".*") and narrower.startswith(wider[:-1]))


def with_human(query: EventQuery, *, verified: bool) -> EventQuery:
    """The query narrowed to events that name a verified human, or to those that do not."""
    found = query.dropping("human").dropping("human", excluded=True)
    for level in VERIFIED:
        found = found.including("human", level, excluded=not verified)
    return found


def summed(by_level: Mapping[str, int], *, exact: bool) -> Decisions:
    """Decisions from their counts by human level."""
    verified = sum(n for level, n in by_level.items() if level in VERIFIED)
    return Decisions(verified, sum(by_level.values()) - verified, exact)
