"""Facets and histograms of a search: from hourly rollups where they suffice, else from the newest
matches, with a flag that says which.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import Q, Sum

from audit import loglevels, searchsql
from audit.ledger.query import EventQuery
from audit.ledger.vocabulary import SEVERITIES, severity_rank
from audit.models import Rollup
from audit.plan import Plan, plan_of
from audit.searchsql import CAP

FACETS = ("family", "source", "outcome", "severity", "human", "instance", "connection", "via")
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


def facets(query: EventQuery) -> list[Facet]:
    """Counts per value of each of FACETS among the matches; at most four queries.

    Raises:
        InvalidQuery: the query has errors.
    """
    plan = plan_of(query, loglevels.current())
    window = _window(plan, FACETS)
    exact = len(window) <= CAP
    counters = {key: Counter(row[i] for row in window[:CAP]) for i, key in enumerate(FACETS)}
    rolled = None if exact else _rollup_filter(query, plan)
    if rolled is not None:
        waiting = list(searchsql.pending(plan).values_list(*_ROLLED)[:CAP])
        for i, key in enumerate(_ROLLED):
            sums = rolled.values_list(key).annotate(total=Sum("n")).order_by()
            counters[key] = Counter(dict(sums)) + Counter(row[i] for row in waiting)
    return [
        Facet(key, _ranked(key, counters[key]), exact or (rolled is not None and key in _ROLLED))
        for key in FACETS
    ]


def _ranked(key: str, counter: Counter[Any]) -> tuple[tuple[str, int], ...]:
    items = sorted(counter.items(), key=lambda item: (-item[1], item[0]))
    name = SEVERITIES.__getitem__ if key == "severity" else str
    return tuple((name(value), n) for value, n in items if value != "" and n > 0)


def histogram(query: EventQuery, buckets: int = 60) -> Histogram:
    """Matches over event time in at most `buckets` buckets; at most four queries.

    Raises:
        InvalidQuery: the query has errors.
    """
    plan = plan_of(query, loglevels.current())
    points = [
        (time, outcome != "success", 1) for time, outcome in _window(plan, ("time", "outcome"))
    ]
    exact = len(points) <= CAP
    rolled = None if exact else _rollup_filter(query, plan)
    if rolled is not None:
        sums = rolled.values_list("hour", "outcome").annotate(total=Sum("n")).order_by()
        waiting = searchsql.pending(plan).values_list("time", "outcome")[:CAP]
        points = [(hour, outcome != "success", n) for hour, outcome, n in sums]
        points += [(time, outcome != "success", 1) for time, outcome in waiting]
        return Histogram(_binned(points, plan, buckets, timedelta(hours=1)), exact=True)
    return Histogram(_binned(points[:CAP], plan, buckets, _STEPS[0]), exact)


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


def _window(plan: Plan, columns: Iterable[str]) -> list[tuple[Any, ...]]:
    """Columns of the newest CAP + 1 matches, pending ones first."""
    names = tuple(columns)
    found: list[tuple[Any, ...]] = list(searchsql.pending(plan).values_list(*names)[: CAP + 1])
    selected = ", ".join(f"r.{name}" for name in names)
    sql, params = searchsql.rows(
        plan, selected, beyond=None, descending=True, limit=CAP + 1 - len(found)
    )
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        rows = cursor.fetchall()
    if "time" in names and connection.vendor == "sqlite":
        at = names.index("time")
        rows = [(*r[:at], _moment(r[at]), *r[at + 1 :]) for r in rows]
    return found + rows


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def _rollup_filter(query: EventQuery, plan: Plan) -> Any:
    """Rollup rows that hold exactly the sequenced matches; None where rollups cannot tell."""
    if plan.ranges is not None or any(b and b != _hour(b) for b in (plan.start, plan.end)):
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


__all__ = ["FACETS", "Bucket", "Facet", "Histogram", "facets", "histogram"]
