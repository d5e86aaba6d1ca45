"""What matches a filter, by the cheapest way that is honest: all of it, or an estimate.

At most CAP matches are all looked at. More are counted by the rollups where those know the filter's
keys, and else estimated from a sample of the log that costs the same at any size: a few thousand
events in runs that lie together, at equal distances.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from operator import itemgetter
from typing import Any

from django.db import connection

from audit.models import EventRow
from audit.search import search_sql
from audit.search.query_plan import Plan

COLUMNS = (
    "time", "seq", "action", "family", "source", "outcome", "severity", "human", "instance",
    "connection", "via", "operation", "actor",
)  # fmt: skip
PLACE = {name: place for place, name in enumerate(COLUMNS)}
_SEQ = PLACE["seq"]
ACTOR = "COALESCE(NULLIF(r.actor_email, ''), NULLIF(r.actor_name, ''), r.actor_sub)"
"""Of a row, the text that `actor:` finds its event by."""
SELECTED = ", ".join([*(f"r.{name}" for name in COLUMNS[:-1]), f"{ACTOR} AS actor"])
_MOST_WAITING = 5_000
_FAR = 30_000  # positions; reading so many takes longer than asking the index

RUNS = 128
"""Of the sample."""
RUN = 32
"""Events of one run."""

type Row = tuple[Any, ...]
"""Values in the order of COLUMNS."""


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


def take_sample(plans: Sequence[Plan], columns: str, size: int) -> Sample:
    """Read the sample of a log of `size` events; one query.

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


@dataclass(frozen=True, slots=True)
class Matches:
    """Rows that match, each standing for `weight` events; exact means that they are all.

    An estimated total is not below `least`, which have been counted.
    """

    rows: Sequence[Row]
    weight: float = 1.0
    exact: bool = True
    least: int = 0

    @property
    def total(self) -> int:
        """How many events match; rounded where it is an estimate."""
        return (
            len(self.rows) if self.exact else about(max(self._scaled(len(self.rows)), self.least))
        )

    def firsts_of_operations(self) -> Matches:
        """Of each operation only the row with the lowest position; rows of none stay."""
        placed = sorted((row for row in self.rows if row[_SEQ] is not None), key=itemgetter(_SEQ))
        waiting = [row for row in self.rows if row[_SEQ] is None]  # newest first
        firsts: dict[Any, Row] = {}
        for number, row in enumerate([*placed, *reversed(waiting)]):
            firsts.setdefault(row[PLACE["operation"]] or number, row)
        return replace(self, rows=list(firsts.values()))

    def _scaled(self, n: int) -> int:
        return round(n * self.weight)

    def counts(self, key: str) -> Counter[Any]:
        """How often each value of a column occurs."""
        counter = Counter(row[PLACE[key]] for row in self.rows)
        if self.exact or self.weight == 1.0:
            return counter
        return Counter({value: about(self._scaled(n)) for value, n in counter.items()})


def about(n: int) -> int:
    """A number to two digits, as much as an estimate is worth."""
    return round(n, 2 - len(str(n))) if n >= 100 else n


@dataclass(slots=True)
class Finder:
    """Finds the matches of several plans in few queries.

    Attributes:
        size: how many events the signed log holds.
        waiting: tokens and values of events without a position, newest first.
        overflows: more wait than are in `waiting`, so no total is exact.
        sample: a look at the whole log, once `ask` has taken it.
    """

    size: int
    waiting: list[tuple[str, Row]] = field(default_factory=list)
    overflows: bool = False
    sample: Sample | None = None
    _asked: list[Plan] = field(default_factory=list)

    @classmethod
    def now(cls, size: int) -> Finder:
        """Also reads what waits for its position; one query."""
        found = EventRow.objects.raw(
            f"SELECT r.event, r.terms, {SELECTED} FROM audit_eventrow r "  # noqa: S608
            f"WHERE r.seq IS NULL ORDER BY r.event DESC LIMIT {_MOST_WAITING + 1}"
        )
        rows = [(row.terms, tuple(getattr(row, name) for name in COLUMNS)) for row in found]
        return cls(size, rows[:_MOST_WAITING], overflows=len(rows) > _MOST_WAITING)

    def ask(self, plans: Iterable[Plan]) -> None:
        """Take the sample, for all plans at once; no query in a log that is small."""
        self._asked = list(dict.fromkeys(plans))
        if self.size > search_sql.CAP and self._asked:
            self.sample = take_sample(self._asked, SELECTED, self.size)

    def common(self, plan: Plan) -> bool:
        """Whether too many match to be counted."""
        asked = self.sample is not None and plan in self._asked
        return asked and self.sample.common(self._asked.index(plan))  # type: ignore[union-attr]

    def estimated(self, plan: Plan, *, least: int = 0) -> Matches:
        """The matches of a plan that was asked for, from the sample."""
        if self.sample is None:
            return Matches((), exact=False, least=least)
        rows = self.sample.matches(self._asked.index(plan))
        return Matches(rows, self.sample.weight, exact=False, least=least)

    def all(self, plan: Plan) -> Matches:
        """The matches of a plan that was asked for: all, or estimated; at most one query."""
        waiting = self.waiting_of(plan)
        if self.common(plan):
            return self.estimated(plan)
        sql, params = search_sql.rows(
            plan,
            SELECTED,
            beyond=None,
            descending=True,
            limit=max(search_sql.CAP + 1 - len(waiting), 0),
            ordered=self.sample is None,
        )
        with connection.cursor() as cursor:
            cursor.execute(sql, params)
            rows = waiting + search_sql.aware(cursor.fetchall())
        if len(rows) <= search_sql.CAP:
            return Matches(rows)
        if self.sample is None:
            return Matches(rows[: search_sql.CAP], exact=False, least=search_sql.CAP + 1)
        return self.estimated(plan, least=search_sql.CAP + 1)

    def waiting_of(self, plan: Plan) -> list[Row]:
        """Rows without a position that match, newest first."""
        return [row for terms, row in self.waiting if search_sql.fits(plan, terms, row[0])]

    def grouped(self, asked: Sequence[tuple[Plan, str]]) -> list[Counts]:
        """How often each value of a column occurs among the matches of each plan; one query."""
        found: list[Counts | None] = [
            self._estimated_counts(plan, key) if self.common(plan) else None for plan, key in asked
        ]
        rare = [number for number, counts in enumerate(found) if counts is None]
        parts, params = [], []
        for number in rare:
            plan, key = asked[number]
            column = f"{ACTOR if key == 'actor' else f'r.{key}'} AS value"
            inner, values = search_sql.rows(
                plan,
                column,
                beyond=None,
                descending=True,
                limit=search_sql.CAP + 1,
                ordered=self.sample is None,
            )
            parts.append(
                f"SELECT {number}, CAST(value AS TEXT) AS value, count(*) "  # noqa: S608
                f"FROM ({inner}) f{number} GROUP BY 2"
            )
            params += values
        placed: dict[int, Counter[Any]] = {number: Counter() for number in rare}
        if parts:
            with connection.cursor() as cursor:
                cursor.execute(" UNION ALL ".join(parts), params)
                for number, value, n in cursor.fetchall():
                    placed[number][int(value) if asked[number][1] == "severity" else value] = n
        for number, counter in placed.items():
            plan, key = asked[number]
            counter.update(row[PLACE[key]] for row in self.waiting_of(plan))
            most = counter.total() > search_sql.CAP and self.sample is not None
            found[number] = (
                self._estimated_counts(plan, key)
                if most
                else Counts(counter, counter.total() <= search_sql.CAP)
            )
        return [counts for counts in found if counts is not None]

    def _estimated_counts(self, plan: Plan, key: str) -> Counts:
        return Counts(self.estimated(plan).counts(key), exact=False)

    def desert(self, plan: Plan, beyond: int | None, *, descending: bool) -> int | None:
        """Up to where reading on from a place would hardly meet a match; None if soon enough."""
        if self.sample is None or plan not in self._asked:
            return None
        start = beyond if beyond is not None else (self.size if descending else -1)
        if not descending and start >= self.size:
            return None  # the sample knows nothing of what lies there: others were placed since
        places = [row[PLACE["seq"]] for row in self.sample.matches(self._asked.index(plan))]
        ahead = [p for p in places if (p < start if descending else p > start)]
        near = (max if descending else min)(ahead, default=-1 if descending else self.size)
        return near if abs(start - near) > _FAR else None

    def next_time(
        self, plan: Plan, beyond: datetime | None, *, descending: bool
    ) -> datetime | None:
        """The next event time at which the sample has a match, the end of time where it has none;
        None where there is no sample of this plan."""
        if self.sample is None or plan not in self._asked:
            return None
        times = [row[PLACE["time"]] for row in self.sample.matches(self._asked.index(plan))]
        if descending:
            ahead = [time for time in times if beyond is None or time < beyond]
            return max(ahead, default=datetime.min.replace(tzinfo=UTC))
        ahead = [time for time in times if beyond is None or time > beyond]
        return min(ahead, default=datetime.max.replace(tzinfo=UTC))


@dataclass(frozen=True, slots=True)
class Counts:
    """How often each value occurs; not exact = estimated, or of the newest CAP only."""

    counter: Counter[Any]
    exact: bool
