"""Checks of what search and counts read: the full-text index, and the counts per hour.

Every posting of the index, a token and a position, is hashed with this process's own key and the
hashes are added up, once from the search rows and once from the index. The sums agree only if the
postings do; memory stays flat. Where they differ, a second look finds the positions.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import islice, repeat

from django.db import connection

from audit import fulltext, rollups
from audit.models import EventRow
from audit.report import Findings

_STRETCH = 1000
_SHOWN = 10
HINT = "run rebuild_projection"


class IndexChecker:
    """Adds up postings as rows pass, and compares with the index in the end.

    Attributes:
        total: the sum so far.
    """

    def __init__(self, findings: Findings) -> None:
        self._findings = findings
        self.total = 0

    def add(self, index: int, terms: str) -> None:
        """Note what the index must hold for a row."""
        if connection.vendor == "sqlite":
            self.total += _sum(terms, index)

    def finish(self, start: int, size: int, postings: Callable[[], int] | None = None) -> None:
        """Compare the index with the rows `start <= seq < size`.

        `postings` returns the sum of what the index holds, where another process makes the sums.
        """
        if connection.vendor == "postgresql":
            self._finish_vector()
            return
        with fulltext.postings() as source:
            stored = postings() if postings else held(source, start, size)
            if stored == self.total and not source.beyond():
                return
            for index, missing, surplus in islice(_differing(source, start, size), _SHOWN):
                message = (
                    f"the full-text index lacks {missing} words of the search row and holds "
                    f"{surplus} others; {HINT}"
                )
                self._findings.add("index", message, index)
            if beyond := source.beyond():
                message = f"the full-text index holds {beyond} words of no entry; {HINT}"
                self._findings.add("index", message)

    def _finish_vector(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute(fulltext.PG_WRONG)
            for seq, event in cursor.fetchall():
                message = f"the full-text column differs from the search row; {HINT}"
                self._findings.add("index", message, seq, event)


def held(source: fulltext.Postings, start: int, size: int) -> int:
    """Sum of the postings that the index holds for `start <= seq < size`."""
    return sum(map(hash, source.between(start, size)))


def _sum(terms: str, index: int) -> int:
    return sum(map(hash, zip(terms.split(), repeat(index))))


def _differing(source: fulltext.Postings, start: int, size: int) -> Iterator[tuple[int, int, int]]:
    """Positions whose tokens differ, with how many are missing and how many are too many."""
    sums: Counter[int] = Counter()
    for posting in source.between(start, size):
        sums[posting[1] // _STRETCH] += hash(posting)
    for stretch in range(start // _STRETCH, (size + _STRETCH - 1) // _STRETCH):
        first, end = max(start, stretch * _STRETCH), min(size, (stretch + 1) * _STRETCH)
        rows = {seq: terms for seq, terms in _terms(first, end) if seq is not None}
        if sums[stretch] == sum(_sum(terms, seq) for seq, terms in rows.items()):
            continue
        held: dict[int, set[str]] = {}
        for token, seq in source.between(first, end):
            held.setdefault(seq, set()).add(token)
        for seq in range(first, end):
            wanted, found = set(rows.get(seq, "").split()), held.get(seq, set())
            if wanted != found:
                yield seq, len(wanted - found), len(found - wanted)


def _terms(first: int, end: int) -> Iterable[tuple[int | None, str]]:
    return EventRow.objects.filter(seq__gte=first, seq__lt=end).values_list("seq", "terms")


def check_counts(findings: Findings) -> None:
    """Compare the counts with the rows they count, both of one moment."""
    for index, hour, stored, counted in rollups.differences(_SHOWN):
        message = f"the counts of {hour} say {stored} where the rows are {counted}; {HINT}"
        findings.add("counts", message, index)
