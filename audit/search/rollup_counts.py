"""Totals, facets and bars of a filter from the counts per period, all exact."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import reduce
from operator import and_, itemgetter, or_

from django.db import connection
from django.db.models import BigIntegerField, F, Max, Q, Sum
from django.db.models.functions import Cast

from audit.ledger.format.allowed_field_values import severity_rank
from audit.ledger.query import Clause, EventQuery
from audit.models import Rollup
from audit.search.query_plan import Plan, as_action
from audit.search.rollups import FACETS, GRAINS, cover, hour_of

type Cell = tuple[str | int, ...]
"""Values in the order of `rollups.FACETS`."""
type Test = Callable[[Cell], bool]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_HOUR = timedelta(hours=1)
_PLACES = 1000  # more than a stretch is long
_PLACE = {name: place for place, name in enumerate(FACETS)}


def can_answer(query: EventQuery, plan: Plan) -> bool:
    """Whether counts can answer a filter."""
    bounds = (bound for bound in (plan.start, plan.end) if bound)
    whole_hours = not any(b.minute or b.second or b.microsecond for b in bounds)
    keys = {as_action(clause).key for clause in query.clauses}
    known = keys <= {*_PLACE, "after", "before"}
    return known and whole_hours and plan.ranges is None and not plan.person


def cells(plan: Plan) -> dict[Cell, int]:
    """Counts of every combination of facets in the time of a plan; one query."""
    found = Rollup.objects.filter(_during(plan, GRAINS[0]))
    sums = found.values_list(*FACETS).annotate(total=Sum("n")).order_by()
    return {tuple(row[:-1]): int(row[-1]) for row in sums if row[-1]}


def latest(plan: Plan, coarsest: int) -> dict[Cell, tuple[int, int, int]]:
    """Of every combination in the time of a plan: count, and start and length of its last period.

    Both in hours, as `Rollup` has them; no period is longer than `coarsest`. One query.
    """
    # Stretches do not overlap, so the one with the latest start is the last, whatever its length.
    place = Cast("start", BigIntegerField()) * _PLACES + F("grain")
    found = Rollup.objects.filter(_during(plan, coarsest), n__gt=0).values_list(*FACETS)
    sums = found.annotate(total=Sum("n"), last=Max(place, output_field=BigIntegerField()))
    return {
        tuple(row[:-2]): (int(row[-2]), *divmod(int(row[-1]), _PLACES)) for row in sums.order_by()
    }


def hours_of(ranges: Sequence[tuple[int, int]]) -> list[tuple[int, Cell]]:
    """The last hour of each day that holds a combination, in hours `first <= h < end`; one query.

    Args:
        ranges: of whole days, from 1970 on.
    """
    if not ranges:
        return []
    condition = reduce(or_, (_range(1, *each) for each in ranges))
    days = Rollup.objects.filter(condition, n__gt=0).annotate(day=F("start") / GRAINS[-2])
    found = days.values_list("day", *FACETS).annotate(last=Max("start")).order_by()
    return [(row[-1], tuple(row[1:-1])) for row in found]


def test_of(query: EventQuery) -> Test:
    """Which cells a filter that counts can answer takes, whatever its time."""
    tests = [_test(clause) for clause in map(as_action, query.clauses) if clause.key in _PLACE]
    return lambda cell: all(test(cell) for test in tests)


def _test(clause: Clause) -> Test:
    value_of, excluded = itemgetter(_PLACE[clause.key]), clause.excluded
    exact, prefixes = _values(clause)
    return lambda cell: (
        (value_of(cell) in exact or (bool(prefixes) and str(value_of(cell)).startswith(prefixes)))
        != excluded
    )


def _values(clause: Clause) -> tuple[frozenset[str | int], tuple[str, ...]]:
    if clause.key == "severity":
        return frozenset(severity_rank(value) for value in clause.values), ()
    if clause.key != "action":
        return frozenset(clause.values), ()
    exact = frozenset(value for value in clause.values if not value.endswith(".*"))
    return exact, tuple(value[:-1] for value in clause.values if value.endswith(".*"))


def span() -> tuple[datetime, datetime] | None:
    """From the earliest to the latest counted hour, end exclusive; None where nothing is."""
    with connection.cursor() as cursor:  # two lookups; asked at once, SQLite would scan
        cursor.execute(
            "SELECT (SELECT min(start) FROM audit_rollup WHERE grain = 1), "
            "(SELECT max(start) FROM audit_rollup WHERE grain = 1)"
        )
        first, last = cursor.fetchone()
    return None if first is None else (_EPOCH + first * _HOUR, _EPOCH + (last + 1) * _HOUR)


def points(query: EventQuery, plan: Plan, step: timedelta) -> list[tuple[datetime, str, int]]:
    """Times, outcomes and counts of a filter, in cells that `step` is a multiple of; one query."""
    hours = step // _HOUR
    grain = next(grain for grain in GRAINS if hours % grain == 0)
    condition = _during(plan, grain)
    for clause in map(as_action, query.clauses):
        if clause.key in _PLACE:
            part = _condition(clause)
            condition &= ~part if clause.excluded else part
    found = Rollup.objects.filter(condition).values_list("start", "outcome")
    sums = found.annotate(total=Sum("n")).order_by()
    return [(_EPOCH + start * _HOUR, outcome, int(n)) for start, outcome, n in sums]


def _condition(clause: Clause) -> Q:
    exact, prefixes = _values(clause)
    parts = [Q(**{f"{clause.key}__startswith": prefix}) for prefix in prefixes]
    return reduce(or_, parts, Q(**{f"{clause.key}__in": sorted(exact, key=str)}))


def _during(plan: Plan, coarsest: int) -> Q:
    start = hour_of(plan.start) if plan.start else None
    end = hour_of(plan.end) if plan.end else None
    ranges = [_range(*each) for each in cover(start, end, coarsest)]
    return reduce(or_, ranges) if ranges else Q(pk__in=[])


def _range(grain: int, first: int | None, end: int | None) -> Q:
    limits = [Q(grain=grain)]
    limits += [Q(start__gte=first)] if first is not None else []
    limits += [Q(start__lt=end)] if end is not None else []
    return reduce(and_, limits)
