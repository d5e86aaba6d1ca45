"""Rows in the order in which the events happened: by event time, and by id where times are equal.

Neither changes when an event gets its position, so a place between two rows stays where it is. Late
reports of earlier events may be added before it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import connection
from django.db.models import Q

from audit.models import EventRow
from audit.search import search_sql
from audit.search.exact_or_estimated_matches import PLACE, Finder, Matches
from audit.search.query_plan import Plan, within

type Moment = tuple[datetime, UUID]
"""Event time and id of a row."""
type Reader = Callable[[Moment | None, bool, int], list[EventRow]]
"""Reads placed rows: behind which row, whether the latest first, and how many."""

_TICK: Final = timedelta(microseconds=1)
_COLUMNS: Final = ", ".join(f"r.{field.column}" for field in EventRow._meta.concrete_fields)


def moment_of(row: EventRow) -> Moment:
    """The place of a row in this order."""
    return row.time, row.event


def walk(
    plan: Plan, beyond: Moment | None, *, descending: bool, limit: int, reader: Reader
) -> list[EventRow]:
    """Rows in the direction of travel.

    Those without a position are read first: one that gets its position meanwhile is then in both,
    and counts once.
    """
    found: dict[UUID, EventRow] = {}
    if plan.pending:
        waiting = search_sql.pending(plan).order_by(*_order(descending))
        if beyond is not None:
            waiting = waiting.filter(_behind(beyond, descending))
        found = {row.event: row for row in waiting[:limit]}
    found |= {row.event: row for row in reader(beyond, descending, limit)}
    return _sorted(found.values(), descending)[:limit]


def _order(descending: bool) -> tuple[str, str]:
    return ("-time", "-event") if descending else ("time", "event")


def _behind(beyond: Moment, descending: bool) -> Q:
    time, event = beyond
    if descending:
        return Q(time__lt=time) | Q(time=time, event__lt=event)
    return Q(time__gt=time) | Q(time=time, event__gt=event)


def _sorted(rows: Iterable[EventRow], descending: bool) -> list[EventRow]:
    return sorted(rows, key=moment_of, reverse=descending)


def reader_of(plan: Plan, finder: Finder, known: Matches | None) -> Reader:
    """The cheapest way to read rows: by their positions where all matches are known."""
    common = finder.common(plan) or (known is not None and not known.exact)

    def by_position(beyond: Moment | None, descending: bool, limit: int) -> list[EventRow]:
        rows = [(row[PLACE["time"]], row[PLACE["seq"]]) for row in known.rows] if known else []
        ahead = [each for each in rows if _is_ahead(each[0], beyond, descending)]
        nearest = sorted(ahead, reverse=descending)[:limit]
        # Rows of one time are in the order of their ids, which are not known yet.
        edges = {time for time, _ in nearest[-1:]} | ({beyond[0]} if beyond else set())
        seqs = {seq for _, seq in nearest} | {seq for time, seq in rows if time in edges}
        found = EventRow.objects.filter(seq__in=seqs)
        if beyond is not None:
            found = found.filter(_behind(beyond, descending))
        return list(found.order_by(*_order(descending))[:limit]) if seqs else []

    def by_reading(beyond: Moment | None, descending: bool, limit: int) -> list[EventRow]:
        reach = finder.next_time(plan, beyond[0] if beyond else None, descending=descending)
        order = _Order(beyond, descending, limit)
        sql, params = _select(plan, order, finder.size, common=common, reach=reach)
        return list(EventRow.objects.raw(sql, params))

    all_known = known is not None and known.exact and not finder.waiting
    return by_position if all_known else by_reading


def _is_ahead(time: datetime, beyond: Moment | None, descending: bool) -> bool:
    return beyond is None or (time < beyond[0] if descending else time > beyond[0])


@dataclass(frozen=True, slots=True)
class _Order:
    """Where a page begins, which way it goes and how many rows it has at most."""

    beyond: Moment | None
    descending: bool
    limit: int

    def statement(
        self, source: str, conditions: list[str], params: list[Any], *, time: str = "r.time"
    ) -> tuple[str, list[Any]]:
        """SQL and parameters; `time` is what is sorted by."""
        if self.beyond is not None:
            conditions = [
                *conditions,
                f"(r.time, r.event) {'<' if self.descending else '>'} (%s, %s)",
            ]
            at, event = self.beyond
            native = connection.features.has_native_uuid_field
            moment = connection.ops.adapt_datetimefield_value(at)
            params = [*params, moment, event if native else event.hex]
        where, way = " AND ".join(conditions), "DESC" if self.descending else "ASC"
        sql = (
            f"SELECT {_COLUMNS} FROM {source} WHERE {where} "  # noqa: S608 - constant names
            f"ORDER BY {time} {way}, r.event {way} LIMIT %s"
        )
        return sql, [*params, self.limit]


def _select(
    plan: Plan, order: _Order, size: int, *, common: bool, reach: datetime | None
) -> tuple[str, list[Any]]:
    """Read in order of time and test where much matches; else find all matches and sort them.

    Args:
        size: of the signed log.
        common: so many match that the index would find too many.
        reach: the next time at which the sample has a match. Up to there hardly any row matches,
            so the index finds those.
    """
    if all(group.time for group in plan.groups):
        return _few(plan, order) if _is_short(plan, size) else _walked(plan, order)
    if not common:
        return _few(plan, order)
    if reach is None:
        return _walked(plan, order)
    time = order.beyond[0] if order.beyond else None
    if order.descending:
        few, many = within(plan, reach, _tick_after(time)), within(plan, None, reach)
    else:
        few, many = within(plan, time, reach), within(plan, reach, None)
    (first, values), (second, more) = _few(few, order), _walked(many, order)
    way = "DESC" if order.descending else "ASC"
    sql = (
        f"SELECT * FROM (SELECT * FROM ({first}) a UNION ALL SELECT * FROM ({second}) b) r "  # noqa: S608
        f"ORDER BY r.time {way}, r.event {way} LIMIT %s"
    )
    return sql, [*values, *more, order.limit]


def _is_short(plan: Plan, size: int) -> bool:
    """Whether the ranges of the log that a row must be in are short."""
    if plan.ranges is None:
        return False
    lengths = ((size if end is None else end) - first for first, end in plan.ranges)
    return sum(max(length, 0) for length in lengths) <= search_sql.CAP


def _few(plan: Plan, order: _Order) -> tuple[str, list[Any]]:
    source, conditions, params, _ = search_sql.base(plan)
    # No index has this order, so the planner cannot choose to read by time and test.
    time = "r.time + interval '0 s'" if connection.vendor == "postgresql" else "+r.time"
    return order.statement(source, conditions, params, time=time)


def _walked(plan: Plan, order: _Order) -> tuple[str, list[Any]]:
    condition, params = search_sql.test(plan)
    return order.statement("audit_eventrow r", ["r.seq IS NOT NULL", condition], params)


def _tick_after(time: datetime | None) -> datetime | None:
    return None if time is None or time.replace(tzinfo=None) == datetime.max else time + _TICK
