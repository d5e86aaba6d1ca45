"""What the audit page shows of a filter besides its rows: total, facets, bars, decisions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from audit.ledger.query import EventQuery
from audit.search import (
    decisions_by_verified_human,
    facets_and_histograms,
    rollup_counts,
    search_sql,
)
from audit.search.decisions_by_verified_human import Decisions
from audit.search.exact_or_estimated_matches import PLACE, Counts, Finder, Matches
from audit.search.facets_and_histograms import FACETS, KEYS, Facet, Histogram
from audit.search.query_plan import Plan
from audit.search.rollup_counts import Cell
from audit.search.rollups import FACETS as COUNTED

_FAMILY = "family"
_CELL = [PLACE[name] for name in COUNTED]


@dataclass
class Survey:
    """Looks at a filter and at its variants in few queries, each made when first needed.

    A variant leaves out the filter's own values of one facet, so that one sees what else there is.

    Attributes:
        query: the filter.
        plan_for: compiles a filter.
        finder: finds matches; has read what waits.
        decided: actions that are decisions.
        operations: the list has one row an operation.
    """

    query: EventQuery
    plan_for: Callable[[EventQuery], Plan]
    finder: Finder
    decided: Sequence[str] = ()
    operations: bool = False
    variants: dict[str, EventQuery] = field(init=False)
    every: EventQuery | None = field(init=False)

    def __post_init__(self) -> None:
        self.plan = self.plan_for(self.query)
        self.listed = replace(self.plan, firsts_of=self.plan) if self.operations else self.plan
        self.variants = {
            key: self.query.dropping(KEYS.get(key, key))
            for key in FACETS
            if self.query.values(KEYS.get(key, key))
        }
        base = self.query.dropping("human").dropping("human", excluded=True)
        self.every = decisions_by_verified_human.among(base, self.decided) if self.decided else None
        self.finder.ask(self._to_sample())

    def _to_sample(self) -> list[Plan]:
        plans = [] if self._counts_few else [self.plan]
        plans += [
            self.plan_for(q) for key, q in self.variants.items() if not self._is_counted(key, q)
        ]
        if self.every and not rollup_counts.can_answer(self.every, self.plan_for(self.every)):
            plans.append(self.plan_for(self.every))
        return [*plans, self.listed] if self.operations else plans

    def _is_counted(self, key: str, query: EventQuery) -> bool:
        return (key in COUNTED or key == _FAMILY) and rollup_counts.can_answer(
            query, self.plan_for(query)
        )

    @cached_property
    def _cells(self) -> dict[Cell, int]:
        """Counts by combination, with what waits; filters on them are applied later."""
        found = Counter(rollup_counts.cells(self.plan))
        uncounted = self.plan_for(
            EventQuery(tuple(c for c in self.query.clauses if c.key in ("after", "before")))
        )
        found.update(tuple(row[i] for i in _CELL) for row in self.finder.waiting_of(uncounted))
        return found

    def _of(self, query: EventQuery) -> dict[Cell, int]:
        takes = rollup_counts.test_of(query)
        return {cell: n for cell, n in self._cells.items() if takes(cell)}

    @cached_property
    def _counted_total(self) -> int | None:
        """How many match, where counts tell; None where they do not."""
        if self.finder.size <= search_sql.CAP or not rollup_counts.can_answer(
            self.query, self.plan
        ):
            return None
        return sum(self._of(self.query).values())

    @property
    def _counts_few(self) -> bool:
        return self._counted_total is not None and self._counted_total <= search_sql.CAP

    @property
    def _counts_many(self) -> bool:
        return self._counted_total is not None and self._counted_total > search_sql.CAP

    @cached_property
    def matches(self) -> Matches:
        """The matches themselves, all of them or a sample."""
        if self._counts_few and not self._counted_total:
            return Matches(())
        return self.finder.estimated(self.plan) if self._counts_many else self.finder.all(self.plan)

    @property
    def total(self) -> tuple[int, bool]:
        """How many events match, and whether that is exact."""
        if self._counts_many and self._counted_total is not None:
            return self._counted_total, not self.finder.overflows
        return self.matches.total, self.matches.exact and not self.finder.overflows

    @property
    def known_rows(self) -> Matches | None:
        """The rows of the list, where they were looked at already."""
        if not self.operations:
            return self.matches
        exact = self.matches.exact
        return self.matches.firsts_of_operations() if exact else Matches((), exact=False)

    @property
    def listed_total(self) -> tuple[int, bool]:
        """How many rows the list has, and whether that is exact."""
        if not self.operations:
            return self.total
        if self.matches.exact:
            return self.matches.firsts_of_operations().total, not self.finder.overflows
        if self.finder.sample is not None:
            return self.finder.estimated(self.listed).total, False
        waiting = search_sql.pending(self.listed).count() if self.finder.waiting else 0
        return search_sql.count(self.listed, search_sql.CAP + 1) + waiting, False

    def facets(self) -> tuple[Facet, ...]:
        """Counts per value of each facet; one filtered by counts as if it were not."""
        uncounted = [(key, q) for key, q in self.variants.items() if not self._is_counted(key, q)]
        plans = [(self.plan_for(query), key) for key, query in uncounted]
        grouped = dict(zip((key for key, _ in uncounted), self.finder.grouped(plans), strict=True))
        return tuple(self._facet(key, grouped) for key in FACETS)

    def _facet(self, key: str, grouped: dict[str, Counts]) -> Facet:
        if key in grouped:
            return facets_and_histograms.ranked(key, grouped[key].counter, exact=grouped[key].exact)
        if key in self.variants:
            return facets_and_histograms.ranked(
                key, _by(key, self._of(self.variants[key])), exact=True
            )
        if self._counts_many and (key in COUNTED or key == _FAMILY):
            return facets_and_histograms.ranked(key, _by(key, self._of(self.query)), exact=True)
        return facets_and_histograms.ranked(key, self.matches.counts(key), exact=self.matches.exact)

    def histogram(self, buckets: int) -> Histogram:
        """Matches over event time in at most `buckets` buckets."""
        start, end = self.plan.start, self.plan.end
        if not self._counts_many:
            return facets_and_histograms.histogram_of(self.matches, start, end, buckets)
        waiting = self.finder.waiting_of(self.plan)
        points = [(row[PLACE["time"]], row[PLACE["outcome"]], 1) for row in waiting]
        span = rollup_counts.span()
        if span is None:
            return facets_and_histograms.histogram_of(Matches(waiting), start, end, buckets)
        times = [time for time, _, _ in points]
        start = start or min([span[0], *times])
        end = end or max([span[1], *times])
        step = facets_and_histograms.step_for(start, end, buckets, facets_and_histograms.STEPS[3])
        return facets_and_histograms.binned(
            points + rollup_counts.points(self.query, self.plan, step), start, end, step
        )

    def decisions(self) -> Decisions:
        """Decisions among the matches, whatever human level the filter asks for."""
        if self.every is None:
            return Decisions(0, 0, exact=True)
        plan = self.plan_for(self.every)
        if rollup_counts.can_answer(self.every, plan):
            return decisions_by_verified_human.summed(
                _by("human", self._of(self.every)), exact=True
            )
        if self.matches.exact and not _asks_for_human(self.query):
            takes = rollup_counts.test_of(self.every)
            rows = (row for row in self.matches.rows if takes(tuple(row[i] for i in _CELL)))
            return decisions_by_verified_human.summed(
                Counter(row[PLACE["human"]] for row in rows), exact=True
            )
        (found,) = self.finder.grouped([(plan, "human")])
        return decisions_by_verified_human.summed(found.counter, exact=found.exact)


def _asks_for_human(query: EventQuery) -> bool:
    return bool(query.values("human") or query.values("human", excluded=True))


def _by(key: str, cells: dict[Cell, int]) -> Counter[Any]:
    place = COUNTED.index("action" if key == _FAMILY else key)
    found: Counter[Any] = Counter()
    for cell, n in cells.items():
        value = cell[place]
        found[str(value).partition(".")[0] if key == _FAMILY else value] += n
    return found
