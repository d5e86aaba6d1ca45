"""How many events views have now, for many at once and at a price that does not grow with the log.

What the counts per period answer is answered for all views by two queries. Of another filter
`audit.search.event_search.total` counts exactly to its cap and estimates beyond it, one view
at a time.
"""

from __future__ import annotations

from collections.abc import Sequence

from audit.evidence import log_proof_levels
from audit.ledger.query import EventQuery
from audit.search import rollup_counts
from audit.search.exact_or_estimated_matches import Finder
from audit.search.pagination import Total
from audit.search.query_plan import Plan, plan_of
from audit.sequencing import stored_tree_queries


def totals(queries: Sequence[EventQuery]) -> list[Total | None]:
    """The total over all time of each query that counts can answer, None of any other.

    A fixed number of queries, whatever their number and the size of the log.
    """
    sizes = log_proof_levels.current()
    finder = Finder.now(sizes.signed)
    cells = rollup_counts.cells(Plan())

    def total(query: EventQuery) -> Total | None:
        if query.errors:
            return None
        plan = plan_of(query.at(""), sizes)
        waiting = len(finder.waiting_of(plan))
        if plan.everything:
            return Total(stored_tree_queries.stored_size() + waiting, exact=not finder.overflows)
        if plan.start or plan.end or not rollup_counts.can_answer(query, plan):
            return None
        takes = rollup_counts.test_of(query)
        found = sum(n for cell, n in cells.items() if takes(cell))
        return Total(found + waiting, exact=not finder.overflows)

    return [total(query) for query in queries]
