"""Decisions among the events of a filter: how many name a verified human, and how many do not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from django.db import connection
from django.db.models import Count

from audit import searchsql
from audit.ledger.query import EventQuery
from audit.plan import Plan
from audit.searchsql import CAP

VERIFIED = ("H1", "H2", "H3")
REPORTED = "task"


@dataclass(frozen=True, slots=True)
class Decisions:
    """Decisions of a filter by whether a verified human is named; not exact = newest CAP only."""

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
        actions: what a decision is recorded as; the rooms that decide know.
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


def count(
    query: EventQuery, actions: Sequence[str], plan_for: Callable[[EventQuery], Plan]
) -> Decisions:
    """Count the decisions of a query, whatever human level it asks for; at most two queries.

    Args:
        query: its decisions are counted.
        actions: see `among`.
        plan_for: compiles a query.
    """
    every = among(query.dropping("human").dropping("human", excluded=True), actions)
    if every is None:
        return Decisions(0, 0, exact=True)
    plan = plan_for(every)
    found = _placed(plan)
    if plan.pending:
        waiting = searchsql.pending(plan).order_by().values_list("human")
        found += waiting.annotate(n=Count("event"))
    verified = sum(n for level, n in found if level in VERIFIED)
    total = sum(n for _, n in found)
    return Decisions(verified, total - verified, exact=total < CAP)


def _placed(plan: Plan) -> list[tuple[str, int]]:
    inner, params = searchsql.rows(plan, "r.human", beyond=None, descending=True, limit=CAP)
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT human, count(*) FROM ({inner}) decided GROUP BY human",  # noqa: S608
            params,
        )
        found: list[tuple[str, int]] = cursor.fetchall()
    return found
