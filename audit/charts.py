"""Facets and histograms of a search: from hourly rollups where they suffice, else from the newest
matches, with a flag that says which.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import Count, Q, QuerySet, Sum, TextField, Value
from django.db.models.functions import Coalesce, NullIf

from audit import loglevels, searchsql
from audit.ledger.query import EventQuery
from audit.ledger.vocabulary import SEVERITIES, severity_rank
from audit.models import Rollup
from audit.plan import Plan, plan_of
from audit.searchsql import CAP

FACETS = (
    "family", "source", "outcome", "severity", "human", "instance", "connection", "via", "actor",
)  # fmt: skip
# Whom `actor:` finds by this very text.
_ACTOR = Coalesce(
    NullIf("actor_email", Value("")),
    NullIf("actor_name", Value("")),
    "actor_sub",
    output_field=TextField(),
)
_ACTOR_SQL = "COALESCE(NULLIF(r.actor_email, ''), NULLIF(r.actor_name, ''), r.actor_sub)"
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
    """Events with `start <= time < end`, by outcome."""

    start: datetime
    end: datetime
    counts: Mapping[str, int]

    @property
    def count(self) -> int:
        """All of them."""
        return sum(self.counts.values())

    @property
    def unsuccessful(self) -> int:
        """Those with another outcome than success."""
        return self.count - self.counts.get("success", 0)


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
    pending = searchsql.pending(plan).annotate(actor=_ACTOR)
    waiting = list(pending.values_list("time", *FACETS)[: CAP + 1]) if plan.pending else []
    window = waiting + _placed(plan, CAP + 1 - len(waiting))
    exact = len(window) <= CAP
    counters = {key: Counter(row[i] for row in window[:CAP]) for i, key in enumerate(FACETS, 1)}
    rolled = None if exact else _rollup_filter(query, plan)
    if rolled is None:
        points = [(row[0], row[_OUTCOME], 1) for row in window[:CAP]]
        bins = Histogram(_binned(points, plan, buckets, _STEPS[0]), exact)
        found = tuple(Facet(key, _ranked(key, counters[key]), exact) for key in FACETS)
        return Survey(found, bins, min(len(window), CAP), exact)
    total = _count_cells(rolled, waiting, counters)
    sums = rolled.values_list("hour", "outcome").annotate(total=Sum("n")).order_by()
    points = list(sums)
    points += [(row[0], row[_OUTCOME], 1) for row in waiting]
    bins = Histogram(_binned(points, plan, buckets, timedelta(hours=1)), exact=True)
    found = tuple(Facet(key, _ranked(key, counters[key]), key in _ROLLED) for key in FACETS)
    return Survey(found, bins, total, total_exact=True)


def facet(query: EventQuery, plan: Plan, key: str) -> Facet:
    """One facet of a query whose plan is at hand; one query, two where events are pending."""
    counter: Counter[Any] = Counter()
    if plan.pending:
        pending = searchsql.pending(plan).order_by().annotate(actor=_ACTOR)
        for value, n in pending.values_list(key).annotate(n=Count("event")):
            counter[value] += n
    rolled = _rollup_filter(query, plan) if key in _ROLLED else None
    found = _grouped(plan, key) if rolled is None else _summed(rolled, key)
    for value, n in found:
        counter[value] += n
    return Facet(key, _ranked(key, counter), rolled is not None or counter.total() < CAP)


def _summed(rolled: QuerySet[Rollup], key: str) -> list[tuple[Any, int]]:
    return list(rolled.values_list(key).annotate(total=Sum("n")).order_by())


def _grouped(plan: Plan, key: str) -> list[tuple[Any, int]]:
    column = f"{_ACTOR_SQL if key == 'actor' else f'r.{key}'} AS value"
    inner, params = searchsql.rows(plan, column, beyond=None, descending=True, limit=CAP)
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT value, count(*) FROM ({inner}) found GROUP BY value",  # noqa: S608
            params,
        )
        found: list[tuple[Any, int]] = cursor.fetchall()
    return found


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
    points: list[tuple[datetime, str, int]], plan: Plan, buckets: int, finest: timedelta
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
    counts: defaultdict[int, Counter[str]] = defaultdict(Counter)
    for time, outcome, n in points:
        counts[(time - base) // step][outcome] += n
    last = (end - base - timedelta(microseconds=1)) // step
    return tuple(
        Bucket(base + i * step, base + (i + 1) * step, dict(counts[i])) for i in range(last + 1)
    )


def _placed(plan: Plan, limit: int) -> list[tuple[Any, ...]]:
    """Time and facets of the newest sequenced matches."""
    columns = ", ".join(f"r.{name}" for name in ("time", *FACETS[:-1])) + f", {_ACTOR_SQL}"
    sql, params = searchsql.rows(plan, columns, beyond=None, descending=True, limit=limit)
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    if connection.vendor == "sqlite":  # its driver returns naive UTC
        rows = [(row[0].replace(tzinfo=UTC), *row[1:]) for row in rows]
    return rows


def _rollup_filter(query: EventQuery, plan: Plan) -> QuerySet[Rollup] | None:
    """Rollup rows that hold exactly the sequenced matches; None where rollups cannot tell."""
    if plan.person or plan.ranges is not None:
        return None
    if any(bound and bound != _hour(bound) for bound in (plan.start, plan.end)):
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
