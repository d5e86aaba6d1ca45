"""Facets and histograms of a search: from hourly rollups where they suffice, else from the newest
matches, with a flag that says which.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import Q, QuerySet, Sum

from audit import loglevels, searchsql
from audit.ledger.query import EventQuery
from audit.ledger.vocabulary import SEVERITIES, severity_rank
from audit.models import Rollup
from audit.plan import Plan, plan_of
from audit.searchsql import CAP

FACETS = ("family", "source", "outcome", "severity", "human", "instance", "connection", "via")
_OUTCOME = FACETS.index("outcome") + 1  # in a row that starts with the time
_ROLLED = ("family", "source", "outcome", "severity", "human")
_KEYS = {"action": "family", "source": "source", "outcome": "outcome", "human": "human"}
_STEPS = tuple(
    timedelta(minutes=minutes)
    for minutes in (1, 5, 15, 60, 180, 360, 720, 1440, 10080, 43200, 129600, 525600, 5256000)
)


@dataclass(frozen=True, slots=True)
class Facet:
    """Values of one column with their counts, most frequent first; not exact = newest CAP only."""

    key: str
    values: tuple[tuple[str, int], ...]
    exact: bool


@dataclass(frozen=True, slots=True)
class Bucket:
    """Events with `start <= time < end`; `unsuccessful` of them had another outcome."""

    start: datetime
    end: datetime
    count: int
    unsuccessful: int


@dataclass(frozen=True, slots=True)
class Histogram:
    """Buckets in order of time, empty ones included; not exact = newest CAP matches only."""

    buckets: tuple[Bucket, ...]
    exact: bool


@dataclass(frozen=True, slots=True)
class Survey:
    """Facets, histogram and number of the matches; `total_exact` is False beyond CAP."""

    facets: tuple[Facet, ...]
    histogram: Histogram
    total: int
    total_exact: bool


def facets(query: EventQuery) -> tuple[Facet, ...]:
    """Counts per value of each of FACETS among the matches; at most four queries.

    Raises:
        InvalidQuery: the query has errors.
    """
    return survey(query, plan_of(query, loglevels.current())).facets


def histogram(query: EventQuery, buckets: int = 60) -> Histogram:
    """Matches over event time in at most `buckets` buckets; at most four queries.

    Raises:
        InvalidQuery: the query has errors.
    """
    return survey(query, plan_of(query, loglevels.current()), buckets).histogram


def survey(query: EventQuery, plan: Plan, buckets: int = 60) -> Survey:
    """Look at all matches at once: two queries, four where there are more than CAP."""
    waiting = list(searchsql.pending(plan).values_list("time", *FACETS)[: CAP + 1])
    window = waiting + _placed(plan, CAP + 1 - len(waiting))
    exact = len(window) <= CAP
    counters = {key: Counter(row[i] for row in window[:CAP]) for i, key in enumerate(FACETS, 1)}
    rolled = None if exact else _rollup_filter(query, plan)
    if rolled is None:
        points = [(row[0], row[_OUTCOME] != "success", 1) for row in window[:CAP]]
        bins = Histogram(_binned(points, plan, buckets, _STEPS[0]), exact)
        found = tuple(Facet(key, _ranked(key, counters[key]), exact) for key in FACETS)
        return Survey(found, bins, min(len(window), CAP), exact)
    total = _count_cells(rolled, waiting, counters)
    sums = rolled.values_list("hour", "outcome").annotate(total=Sum("n")).order_by()
    points = [(hour, outcome != "success", n) for hour, outcome, n in sums]
    points += [(row[0], row[_OUTCOME] != "success", 1) for row in waiting]
    bins = Histogram(_binned(points, plan, buckets, timedelta(hours=1)), exact=True)
    found = tuple(Facet(key, _ranked(key, counters[key]), key in _ROLLED) for key in FACETS)
    return Survey(found, bins, total, total_exact=True)


def _count_cells(
    rolled: QuerySet[Rollup], waiting: list[tuple[Any, ...]], counters: dict[str, Counter[Any]]
) -> int:
    """Replace the counters of rolled facets by exact ones; returns the exact total."""
    cells = list(rolled.values_list(*_ROLLED).annotate(total=Sum("n")).order_by())
    for place, key in enumerate(_ROLLED):
        counters[key] = Counter(row[FACETS.index(key) + 1] for row in waiting)
        for cell in cells:
            counters[key][cell[place]] += cell[-1]
    return len(waiting) + sum(int(cell[-1]) for cell in cells)


def _ranked(key: str, counter: Counter[Any]) -> tuple[tuple[str, int], ...]:
    items = sorted(counter.items(), key=lambda item: (-item[1], item[0]))
    name = SEVERITIES.__getitem__ if key == "severity" else str
    return tuple((name(value), n) for value, n in items if value != "" and n > 0)


def _binned(
    points: list[tuple[datetime, bool, int]], plan: Plan, buckets: int, finest: timedelta
) -> tuple[Bucket, ...]:
    if not points:
        return ()
    times = [time for time, _, _ in points]
    start = plan.start or min(times)
    end = plan.end or max(times) + timedelta(microseconds=1)
    fitting = (s for s in _STEPS if s >= finest and (end - start) / s <= buckets - 1)
    step = next(fitting, _STEPS[-1])
    # Buckets begin at round times, so that two pages of one range show the same bars.
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    base = epoch + (start - epoch) // step * step
    counts: Counter[int] = Counter()
    other: Counter[int] = Counter()
    for time, unsuccessful, n in points:
        place = (time - base) // step
        counts[place] += n
        other[place] += n * unsuccessful
    last = (end - base - timedelta(microseconds=1)) // step
    return tuple(
        Bucket(base + i * step, base + (i + 1) * step, counts[i], other[i]) for i in range(last + 1)
    )


def _placed(plan: Plan, limit: int) -> list[tuple[Any, ...]]:
    """Time and facets of the newest sequenced matches."""
    columns = ", ".join(f"r.{name}" for name in ("time", *FACETS))
    sql, params = searchsql.rows(plan, columns, beyond=None, descending=True, limit=limit)
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    if connection.vendor == "sqlite":  # its driver returns naive UTC
        rows = [(row[0].replace(tzinfo=UTC), *row[1:]) for row in rows]
    return rows


def _rollup_filter(query: EventQuery, plan: Plan) -> QuerySet[Rollup] | None:
    """Rollup rows that hold exactly the sequenced matches; None where rollups cannot tell."""
    if plan.person or plan.ranges is not None or any(b and b != _hour(b) for b in (plan.start, plan.end)):
        return None
    condition = Q()
    for clause in query.clauses:
        if clause.key in ("after", "before"):
            continue
        part = _rollup_condition(clause.key, clause.values)
        if part is None:
            return None
        condition &= ~part if clause.excluded else part
    if plan.start is not None:
        condition &= Q(hour__gte=plan.start)
    if plan.end is not None:
        condition &= Q(hour__lt=plan.end)
    return Rollup.objects.filter(condition)


def _rollup_condition(key: str, values: tuple[str, ...]) -> Q | None:
    if key == "severity":
        return Q(severity__in=[severity_rank(value) for value in values])
    if key == "action":
        families = [value.removesuffix(".*") for value in values]
        whole = all(
            v.endswith(".*") and "." not in f for v, f in zip(values, families, strict=True)
        )
        return Q(family__in=families) if whole else None
    return Q(**{f"{_KEYS[key]}__in": values}) if key in _KEYS else None


def _hour(moment: datetime) -> datetime:
    return moment.replace(minute=0, second=0, microsecond=0)
