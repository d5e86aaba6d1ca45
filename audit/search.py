"""Searching the audit trail: pages, counts, facets, histograms, and streaming for exports.

`EventQuery.matches` defines what a filter means; a property test holds this module to it. Counts
are exact up to `CAP` matches, and say so where they are not.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from audit import charts, decisions, loglevels, searchsql, tree
from audit.charts import Facet, Histogram, facets, histogram
from audit.decisions import Decisions
from audit.ledger.query import EventQuery
from audit.load import load, load_rows
from audit.loglevels import LogSizes
from audit.models import Entry, EventRow
from audit.plan import Plan, plan_of
from audit.searchsql import CAP

__all__ = [
    "CAP",
    "BadCursor",
    "Overview",
    "Page",
    "Total",
    "count",
    "facets",
    "histogram",
    "iterate",
    "load",
    "overview",
    "page",
    "public",
    "publics",
]

FACET_KEYS = {"family": "action"}  # filter key of a facet, where it has another name
_COLUMNS = ", ".join(f"r.{field.column}" for field in EventRow._meta.concrete_fields)


class BadCursor(ValueError):
    """The cursor is not one of ours; start at the first page."""


@dataclass(frozen=True, slots=True)
class Total:
    """How many events match: exact, or at least `count`."""

    count: int
    exact: bool = True

    def __str__(self) -> str:
        return f"{self.count:,}" if self.exact else f"{self.count:,}+"


@dataclass(frozen=True, slots=True)
class Page:
    """One page. `next_cursor` continues in the query's order; "" where there is no more.

    `tree_size` is that of the newest signed tree.
    """

    rows: list[EventRow]
    next_cursor: str
    prev_cursor: str
    total: Total
    tree_size: int


@dataclass(frozen=True, slots=True)
class Overview:
    """What the audit page shows. A facet that is filtered by counts as if it were not."""

    page: Page
    facets: tuple[Facet, ...]
    histogram: Histogram
    decisions: Decisions


@dataclass(frozen=True, slots=True)
class Cursor:
    """A place between rows: behind position `seq`, or behind the pending event `event`.

    Written `s<seq>` or `p<uuid hex>`, with a leading `~` to travel back.
    """

    seq: int | None = None
    event: UUID | None = None
    back: bool = False

    def __str__(self) -> str:
        place = f"s{self.seq}" if self.event is None else f"p{self.event.hex}"
        return f"~{place}" if self.back else place

    @classmethod
    def after(cls, row: EventRow, *, back: bool = False) -> Cursor:
        """The place behind a row."""
        return cls(row.seq, None if row.seq is not None else row.event, back)

    @classmethod
    def parse(cls, text: str) -> Cursor | None:
        """Read a cursor; None for "".

        Raises:
            BadCursor: it is none.
        """
        if not text:
            return None
        kind, value = text.removeprefix("~")[:1], text.removeprefix("~")[1:]
        back = text.startswith("~")
        try:
            if kind == "s" and value.isascii() and value.isdigit() and len(value) < 19:
                return cls(int(value), None, back)
            if kind == "p":
                return cls._pending(UUID(hex=value), back)
        except ValueError:
            pass
        raise BadCursor(f"{text!r} is not a cursor; leave it out to start at the first page")

    @classmethod
    def _pending(cls, event: UUID, back: bool) -> Cursor:
        # Between two pages the event may have got its position; then that is the place.
        seq = Entry.objects.filter(event=event).values_list("seq", flat=True).first()
        return cls(seq, event if seq is None else None, back)


def page(query: EventQuery, limit: int = 50, *, person: str = "") -> Page:
    """One page of matching rows, of `person` alone where one is named; at most five queries.

    Raises:
        InvalidQuery: the query has errors.
        BadCursor: its cursor is not one of ours.
    """
    sizes = loglevels.current()
    plan = plan_of(query, sizes, person)
    return _page(plan, Cursor.parse(query.cursor), limit, sizes, total(plan))


def overview(
    query: EventQuery,
    limit: int = 50,
    buckets: int = 60,
    *,
    person: str = "",
    decided: Sequence[str] = (),
) -> Overview:
    """One page with facets, histogram and how many of the actions `decided` name a human.

    Five queries and one for each facet filtered by; nearly twice that in the second in which new
    events wait for their place.

    Raises:
        InvalidQuery, BadCursor: as `page`.
    """
    sizes = loglevels.current()
    settled = not EventRow.objects.filter(seq__isnull=True).exists()

    def plan_for(query: EventQuery) -> Plan:
        plan = plan_of(query, sizes, person)
        return replace(plan, pending=False) if settled else plan

    plan, cursor = plan_for(query), Cursor.parse(query.cursor)
    found = charts.survey(query, plan, buckets)
    shown = []
    for facet in found.facets:
        key = FACET_KEYS.get(facet.key, facet.key)
        if query.values(key):
            wider = query.dropping(key)
            facet = charts.facet(wider, plan_for(wider), facet.key)
        shown.append(facet)
    counted = Total(found.total, found.total_exact)
    counted_decisions = decisions.count(query, decided, plan_for)
    rows = _page(plan, cursor, limit, sizes, counted)
    return Overview(rows, tuple(shown), found.histogram, counted_decisions)


def _page(plan: Plan, cursor: Cursor | None, limit: int, sizes: LogSizes, counted: Total) -> Page:
    found = _walk(plan, cursor, limit + 1)
    more, rows = len(found) > limit, found[:limit]
    back = cursor is not None and cursor.back
    if back:
        rows.reverse()
    onwards = str(Cursor.after(rows[-1])) if rows and (more or back) else ""
    backwards = str(Cursor.after(rows[0], back=True)) if rows and (more if back else cursor) else ""
    return Page(rows, onwards, backwards, counted, sizes.signed)


def _walk(plan: Plan, cursor: Cursor | None, limit: int) -> list[EventRow]:
    """Rows in the direction of travel. Newest first, pending rows come before all others."""
    descending = plan.newest != (cursor is not None and cursor.back)
    beyond_seq = cursor.seq if cursor else None
    beyond_event = cursor.event if cursor else None

    def waiting(limit: int) -> list[EventRow]:
        if not plan.pending or (descending and beyond_seq is not None):
            return []
        found = searchsql.pending(plan, beyond=beyond_event, descending=descending)
        return list(found[:limit])

    def placed(limit: int) -> list[EventRow]:
        if not descending and beyond_event is not None:
            return []
        sql, params = searchsql.rows(
            plan, _COLUMNS, beyond=beyond_seq, descending=descending, limit=limit
        )
        return list(EventRow.objects.raw(sql, params))

    first, second = (waiting, placed) if descending else (placed, waiting)
    rows = first(limit)
    return rows + second(limit - len(rows)) if len(rows) < limit else rows


def total(plan: Plan) -> Total:
    """How many events match, exact to CAP; the whole log is counted by its size."""
    waiting = searchsql.pending(plan).order_by()[:CAP].count() if plan.pending else 0
    if plan.everything:
        return Total(tree.stored_size() + waiting)
    found = searchsql.count(plan, CAP + 1) + waiting
    return Total(found) if found <= CAP else Total(CAP, exact=False)


def iterate(
    query: EventQuery, *, size: int | None = None, chunk: int = 1000, person: str = ""
) -> Iterator[dict[str, Any]]:
    """Every matching public event in the query's order, a chunk in memory at a time.

    With `size`, only entries of the tree of that size, so that an export is of one moment.

    Raises:
        InvalidQuery: the query has errors.
    """
    sizes = loglevels.current()
    plan = _bounded(plan_of(query.at(""), sizes, person), size)
    cursor = Cursor.parse(query.cursor)
    while rows := _walk(plan, cursor, chunk):
        yield from publics(rows, sizes)
        cursor = Cursor.after(rows[-1])


def count(query: EventQuery, *, size: int, person: str = "") -> int:
    """How many events `iterate` yields of the tree of that size; exact, whatever it costs.

    Raises:
        InvalidQuery: the query has errors.
    """
    plan = plan_of(query.at(""), loglevels.current(), person)
    if plan.everything:
        return size
    return searchsql.count(_bounded(plan, size), size)


def _bounded(plan: Plan, size: int | None) -> Plan:
    if size is None:
        return plan
    ranges = ((0, None),) if plan.ranges is None else plan.ranges
    return replace(plan, ranges=_clipped(ranges, size), pending=False)


def _clipped(
    ranges: Sequence[tuple[int, int | None]], size: int
) -> tuple[tuple[int, int | None], ...]:
    return tuple(
        (first, size if end is None else min(end, size)) for first, end in ranges if first < size
    )


def publics(rows: Sequence[EventRow], sizes: LogSizes | None = None) -> list[dict[str, Any]]:
    """Public events of rows, in their order; two or three queries for all of them.

    Raises:
        EntryError: an entry or an opening was altered.
    """
    return load_rows(rows, sizes)


def public(row: EventRow) -> dict[str, Any]:
    """Public event of one row; for several, `publics` asks once."""
    return load_rows([row])[0]
