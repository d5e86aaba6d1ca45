"""A look at a few thousand events spread over the whole log, at the same price at any size.

What is common is estimated from it, and what is too common to be counted is recognised. Rows are
read in runs that lie together, at equal distances.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection

from audit.search import search_sql
from audit.search.query_plan import Plan

RUNS = 128
RUN = 32


@dataclass(frozen=True, slots=True)
class Sample:
    """Rows of a sample that match at least one of several plans.

    Attributes:
        size: events in the log.
        tested: how many of them the sample looked at.
        rows: for each match the columns asked for, and behind them one truth value a plan.
        plans: how many plans there were.
    """

    size: int
    tested: int
    rows: list[tuple[Any, ...]]
    plans: int

    def matches(self, plan: int) -> list[tuple[Any, ...]]:
        """Rows that match one of the plans, by its number."""
        return [row for row in self.rows if row[plan - self.plans]]

    def estimate(self, plan: int) -> int:
        """About how many events of the log match."""
        return round(len(self.matches(plan)) * self.weight)

    @property
    def weight(self) -> float:
        """How many events one row of the sample stands for."""
        return self.size / self.tested if self.tested else 0.0

    def common(self, plan: int) -> bool:
        """Whether so many match that an exact count would surely end at CAP."""
        return self.estimate(plan) > 3 * search_sql.CAP


def take(plans: Sequence[Plan], columns: str, size: int) -> Sample:
    """Look at the sample of a log of `size` events; one query.

    Args:
        plans: conditions, each tested on every row.
        columns: of `r`, the row.
        size: how many events have a position.
    """
    firsts, run = _runs(size)
    tests, params = [], []
    for number, plan in enumerate(plans):
        sql, values = search_sql.test(plan)
        tests.append(f"({sql}) AS m{number}")
        params += values
    places = ", ".join(f"({first})" for first in firsts)
    selected = f"{columns}, {', '.join(tests)}"
    if connection.vendor == "postgresql":
        source = (
            f"(VALUES {places}) w(first) CROSS JOIN LATERAL (SELECT * FROM audit_eventrow e "  # noqa: S608
            f"WHERE e.seq >= w.first ORDER BY e.seq LIMIT {run}) r WHERE r.seq < w.first + {run}"
        )
    else:
        source = (  # constant names and numbers only
            f"(SELECT column1 AS first FROM (VALUES {places})) w CROSS JOIN audit_eventrow r "  # noqa: S608
            f"ON r.seq >= w.first AND r.seq < w.first + {run}"
        )
    matched = " OR ".join(f"m{number}" for number in range(len(plans)))
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT * FROM (SELECT {selected} FROM {source}) s WHERE {matched}",  # noqa: S608
            params,
        )
        rows = search_sql.aware(cursor.fetchall())
    return Sample(size, len(firsts) * run if size > RUNS * RUN else size, rows, len(plans))


def _runs(size: int) -> tuple[list[int], int]:
    """Where the runs begin and how long they are; a small log is read whole."""
    if size <= RUNS * RUN:
        return list(range(0, max(size, 1), RUN)), RUN
    return [size * i // RUNS for i in range(RUNS)], RUN
