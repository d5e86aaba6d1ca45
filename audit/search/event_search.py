"""Searching the audit trail: pages, counts, facets, histograms, and streaming for exports.

`EventQuery.matches` defines what a filter means; a property test holds this module to it. Counts
are exact up to CAP matches and wherever the rollups tell, and are called estimates elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from audit.evidence import log_proof_levels
from audit.evidence.log_proof_levels import LogSizes
from audit.ledger.query import EventQuery
from audit.models import EventRow
from audit.recording.stored_event_loader import load, load_rows
from audit.search import rollup_counts, search_sql
from audit.search.decisions_by_verified_human import Decisions
from audit.search.exact_or_estimated_matches import Finder
from audit.search.facets_and_histograms import KEYS as FACET_KEYS
from audit.search.facets_and_histograms import Facet, Histogram
from audit.search.pagination import BadCursor, Cursor, Page, Total, page_of, read_rows
from audit.search.query_plan import Plan, plan_of
from audit.search.search_sql import CAP
from audit.search.totals_facets_and_histogram import Survey
from audit.sequencing import stored_tree_queries

__all__ = [
    "CAP",
    "FACET_KEYS",
    "BadCursor",
    "Overview",
    "Page",
    "Total",
    "expected",
    "iterate",
    "load",
    "newest_first",
    "overview",
    "page",
    "public",
    "publics",
    "total",
]


@dataclass(frozen=True, slots=True)
class Overview:
    """What the audit page shows. A facet that is filtered by counts as if it were not.

    `page.total` counts events, `listed` the rows of the list: fewer where each operation is one.
    """

    page: Page
    listed: Total
    facets: tuple[Facet, ...]
    histogram: Histogram
    decisions: Decisions


def page(query: EventQuery, limit: int = 50, *, person: str = "") -> Page:
    """One page of matching rows, of `person` alone where one is named; at most six queries,
    and one more while events wait for their position.

    Raises:
        InvalidQuery: the query has errors.
        BadCursor: its cursor is not one of ours.
    """
    sizes = log_proof_levels.current()
    plan = plan_of(query, sizes, person)
    cursor, finder = Cursor.parse(query.cursor, by_time=plan.by_time), Finder(sizes.signed)
    return page_of(plan, cursor, limit, sizes, _total(query, plan, finder), finder)


def newest_first(rows: Iterable[EventRow]) -> list[EventRow]:
    """Events by the time that a list shows of them. A page has them by their entry number, which
    is when the log took them in."""
    return sorted(rows, key=lambda row: (row.time, row.event), reverse=True)


def overview(
    query: EventQuery,
    limit: int = 50,
    buckets: int = 60,
    *,
    person: str = "",
    decided: Sequence[str] = (),
    operations: bool = False,
) -> Overview:
    """One page with facets, histogram and how many of the actions `decided` name a human.

    With `operations`, a page has one row for all matching events of an operation: the first of
    them, whose place later ones do not change.

    At most eight queries, however large the log and whatever the filter.

    Raises:
        InvalidQuery, BadCursor: as `page`.
    """
    sizes = log_proof_levels.current()
    cursor = Cursor.parse(query.cursor, by_time=query.by_event_time)
    looked = _survey(query, sizes, person, decided, operations)
    total = Total(*looked.total)
    rows = page_of(looked.listed, cursor, limit, sizes, total, looked.finder, looked.known_rows)
    return Overview(
        rows,
        Total(*looked.listed_total),
        looked.facets(),
        looked.histogram(buckets),
        looked.decisions(),
    )


def _survey(
    query: EventQuery, sizes: LogSizes, person: str, decided: Sequence[str], operations: bool
) -> Survey:
    query = query.at("")
    plan_of(query, sizes, person)  # raises before anything is read
    finder = Finder.now(sizes.signed)

    def plan_for(query: EventQuery) -> Plan:
        plan = plan_of(query, sizes, person)
        return plan if finder.waiting else replace(plan, pending=False)

    return Survey(query, plan_for, finder, decided, operations)


def total(query: EventQuery, *, person: str = "") -> Total:
    """How many events match: exact to CAP and where the counts tell, else an estimate.

    Raises:
        InvalidQuery: the query has errors.
    """
    sizes = log_proof_levels.current()
    return _total(query, plan_of(query, sizes, person), Finder(sizes.signed))


def _total(query: EventQuery, plan: Plan, finder: Finder) -> Total:
    most = search_sql.CAP + 1
    waiting = search_sql.pending(plan).order_by()[:most].count() if plan.pending else 0
    if plan.everything:
        return Total(stored_tree_queries.stored_size() + waiting, exact=waiting < most)
    if finder.size > search_sql.CAP and rollup_counts.can_answer(query, plan):
        takes, cells = rollup_counts.test_of(query), rollup_counts.cells(plan)
        found = sum(n for cell, n in cells.items() if takes(cell))
        return Total(found + waiting, exact=waiting < most)
    finder.ask([plan])
    found = most if finder.common(plan) else search_sql.count(plan, most) + waiting
    if found < most:
        return Total(found)
    return Total(finder.estimated(plan, least=most).total, exact=False)


def iterate(
    query: EventQuery, *, size: int | None = None, chunk: int = 1000, person: str = ""
) -> Iterator[dict[str, Any]]:
    """Every matching public event in the query's order, a chunk in memory at a time.

    With `size`, only entries of the tree of that size, so that an export is of one moment.

    Raises:
        InvalidQuery: the query has errors.
    """
    sizes = log_proof_levels.current()
    plan = _bounded(plan_of(query.at(""), sizes, person), size)
    cursor = Cursor.parse(query.cursor, by_time=plan.by_time)
    finder = Finder(sizes.signed)
    finder.ask([plan])
    while rows := read_rows(plan, cursor, chunk, finder, None):
        yield from publics(rows, sizes)
        cursor = Cursor.after(rows[-1], plan)


def expected(query: EventQuery, *, size: int, person: str = "") -> Total:
    """About how many events `iterate` yields of the tree of that size, without making anybody wait.

    Exact to CAP and where the counts tell, else an estimate.

    Raises:
        InvalidQuery: the query has errors.
    """
    plan = plan_of(query.at(""), log_proof_levels.current(), person)
    if plan.everything:
        return Total(size)
    if rollup_counts.can_answer(query, plan) and stored_tree_queries.stored_size() == size:
        takes = rollup_counts.test_of(query)
        found = sum(n for cell, n in rollup_counts.cells(plan).items() if takes(cell))
        if (
            stored_tree_queries.stored_size() == size
        ):  # nothing was sequenced, so nothing was counted, meanwhile
            return Total(found)
    bounded, finder = _bounded(plan, size), Finder(size)
    found = search_sql.count(bounded, search_sql.CAP + 1)
    if found <= search_sql.CAP:
        return Total(found)
    finder.ask([bounded])
    return Total(finder.estimated(bounded, least=found).total, exact=False)


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
