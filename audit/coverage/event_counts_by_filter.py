"""How many events each of several filters has in a period, and the last one of each."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

from django.db import connection

from audit.coverage.period import Period
from audit.evidence.log_proof_levels import LogSizes
from audit.ledger.query import EventQuery
from audit.search import rollup_counts, search_sql
from audit.search.exact_or_estimated_matches import Finder
from audit.search.query_plan import Plan, plan_of
from audit.search.rollup_counts import Cell, Test

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_HOUR = timedelta(hours=1)
_LONG = timedelta(days=60)
_COLUMNS = "r.time, r.seq, r.event"


@dataclass(frozen=True, slots=True)
class Last:
    """An event and its place in the log."""

    time: datetime
    index: int
    event: UUID


@dataclass(frozen=True, slots=True)
class Counted:
    """Events of a filter in a period, by hour of event time; exact.

    Attributes:
        n: how many.
        last: of those in the last hour that has any, the one with the highest index.
    """

    n: int
    last: Last | None


@dataclass(frozen=True, slots=True)
class Report:
    """Answers in the order of the questions.

    Attributes:
        counted: for each filter.
        named: the newest event, of all times, of each filter that counts cannot answer.
        cells: counts of the period by facets (`rollups.FACETS`).
    """

    counted: list[Counted]
    named: list[Last | None]
    cells: Mapping[Cell, int]


def count(
    queries: Sequence[EventQuery],
    period: Period,
    named: Sequence[EventQuery] = (),
    sizes: LogSizes | None = None,
) -> Report:
    """Count filters that use keys of the rollups alone; at most four queries at any size of log.

    Args:
        queries: filters without times, each answerable by counts.
        period: whole hours.
        named: further filters, of which only the newest event is looked for.
        sizes: of the log, where they are known.

    Raises:
        InvalidQuery: a filter has errors.
        ValueError: counts cannot answer one of `queries`.
    """
    tests = [_test_of(query) for query in queries]
    span = Plan(start=period.start, end=period.end)
    cells = rollup_counts.latest(span, 24 if period.end - period.start <= _LONG else 168)
    ours = [[cell for cell in cells if takes(cell)] for takes in tests]
    hours = _last_hours(ours, cells)
    plans = [
        _within(query, hour) for query, hour in zip(queries, hours, strict=True) if hour is not None
    ]
    sizes = sizes or LogSizes()
    others = [replace(plan_of(query, sizes), pending=False) for query in named]
    found = _newest(plans, others, sizes.signed)
    dated = iter(found[: len(plans)])
    lasts = [next(dated) if hour is not None else None for hour in hours]
    return Report(
        [
            Counted(sum(cells[cell][0] for cell in mine), last)
            for mine, last in zip(ours, lasts, strict=True)
        ],
        found[len(plans) :],
        {cell: n for cell, (n, _, _) in cells.items()},
    )


def _test_of(query: EventQuery) -> Test:
    if not rollup_counts.can_answer(query, plan_of(query, LogSizes())):
        raise ValueError(f"counts do not tell {query.to_bar()!r}")
    return rollup_counts.test_of(query)


def _last_hours(
    ours: Sequence[list[Cell]], cells: Mapping[Cell, tuple[int, int, int]]
) -> list[int | None]:
    """The last hour with an event of each filter, None where there is none; one query."""
    coarse = [max((cells[cell][1:] for cell in mine), default=None) for mine in ours]
    found: defaultdict[Cell, list[int]] = defaultdict(list)
    ranges = sorted({(start, start + grain) for start, grain in filter(None, coarse) if grain > 1})
    for hour, cell in rollup_counts.hours_of(ranges):
        found[cell].append(hour)
    hours: list[int | None] = []
    for mine, last in zip(ours, coarse, strict=True):
        if last is None:
            hours.append(None)
            continue
        start, grain = last
        inner = (h for cell in mine for h in found.get(cell, ()) if start <= h < start + grain)
        hours.append(start if grain == 1 else max(inner, default=None))
    return hours


def _within(query: EventQuery, hour: int) -> Plan:
    start = _EPOCH + hour * _HOUR
    narrowed = query.including("after", _stamp(start)).including("before", _stamp(start + _HOUR))
    return replace(plan_of(narrowed, LogSizes()), pending=False)


def _stamp(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def _newest(plans: Sequence[Plan], others: Sequence[Plan], size: int) -> list[Last | None]:
    """The row with the highest index of each plan; one query, or two where `others` are common.

    An hour is found by the index of words. What may be everywhere is read as pages are.
    """
    finder = Finder(size)
    if connection.vendor == "postgresql":  # the other engine reads matches one by one anyway
        finder.ask(others)
    parts, params = [], []
    for number, plan in enumerate([*plans, *others]):
        common = number >= len(plans) and finder.common(plan)
        sql, values = search_sql.rows(
            plan,
            _COLUMNS,
            beyond=None,
            descending=True,
            limit=1,
            common=common,
            desert=finder.desert(plan, None, descending=True) if common else None,
        )
        parts.append(f"SELECT n{number}.*, {number} AS n FROM ({sql}) n{number}")  # noqa: S608
        params += values
    found: list[Last | None] = [None] * len(parts)
    if not parts:
        return found
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(parts), params)
        for time, seq, event, number in search_sql.aware(cursor.fetchall()):
            found[number] = Last(time, seq, event if isinstance(event, UUID) else UUID(event))
    return found
