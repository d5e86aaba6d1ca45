"""Checks of the full-text index that search reads.

Every posting of the index, a token and a position, is hashed with this process's own key and the
hashes are added up, once from the search rows and once from the index. The sums agree only if the
postings do; memory stays flat. Where they differ, a second look finds the positions.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice, repeat

from django.db import DatabaseError, connection

from audit.db import storage_error_kinds
from audit.models import EventRow
from audit.search import fulltext_index
from audit.verification.report import Findings

_CHUNK = 1000
_SHOWN = 10
HINT = "run rebuild_projection"


@dataclass(frozen=True, slots=True)
class Held:
    """What the index holds.

    Attributes:
        total: sum of the postings `first <= seq < size`.
        beyond: how many postings there are at positions that no entry has.
        unreadable: what the database said where it cannot read the index; else "".
    """

    total: int = 0
    beyond: int = 0
    unreadable: str = ""


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

    def finish(self, start: int, size: int, held: Held | None) -> None:
        """Compare the index with the rows `start <= seq < size`.

        Args:
            held: of `look`, if another process made the sums.
        """
        if connection.vendor == "postgresql":
            self._finish_vector()
            return
        held = held or look(start, size)
        if held.unreadable:
            message = f"the full-text index cannot be read: {held.unreadable}; {HINT}"
            self._findings.add("index", message)
            return
        if held.total != self.total:
            with fulltext_index.postings() as source:
                for index, missing, surplus in islice(_differing(source, start, size), _SHOWN):
                    message = (
                        f"the full-text index lacks {missing} words of the search row and holds "
                        f"{surplus} others; {HINT}"
                    )
                    self._findings.add("index", message, index)
        if held.beyond:
            message = f"the full-text index holds {held.beyond} words of no entry; {HINT}"
            self._findings.add("index", message)

    def _finish_vector(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute(fulltext_index.PG_WRONG)
            for seq, event in cursor.fetchall():
                message = f"the full-text column differs from the search row; {HINT}"
                self._findings.add("index", message, seq, event)


def look(first: int, size: int) -> Held:
    """What the index holds, posting by posting.

    Raises:
        DatabaseError: the database is busy or stores nothing just now.
    """
    try:
        with fulltext_index.postings() as source:
            return Held(sum(map(hash, source.between(first, size))), source.beyond())
    except DatabaseError as error:
        if storage_error_kinds.is_not_stored(error):
            raise
        return Held(unreadable=str(error))


def _sum(terms: str, index: int) -> int:
    return sum(map(hash, zip(terms.split(), repeat(index))))


def _differing(
    source: fulltext_index.Postings, start: int, size: int
) -> Iterator[tuple[int, int, int]]:
    """Positions whose tokens differ, with how many are missing and how many are too many."""
    sums: Counter[int] = Counter()
    for posting in source.between(start, size):
        sums[posting[1] // _CHUNK] += hash(posting)
    for chunk in range(start // _CHUNK, (size + _CHUNK - 1) // _CHUNK):
        first, end = max(start, chunk * _CHUNK), min(size, (chunk + 1) * _CHUNK)
        rows = {seq: terms for seq, terms in _terms(first, end) if seq is not None}
        if sums[chunk] == sum(_sum(terms, seq) for seq, terms in rows.items()):
            continue
        held: dict[int, set[str]] = {}
        for token, seq in source.between(first, end):
            held.setdefault(seq, set()).add(token)
        for seq in range(first, end):
            wanted, found = set(rows.get(seq, "").split()), held.get(seq, set())
            if wanted != found:
                yield seq, len(wanted - found), len(found - wanted)


def _terms(first: int, end: int) -> Iterator[tuple[int | None, str]]:
    rows = EventRow.objects.filter(seq__gte=first, seq__lt=end).values_list("seq", "terms")
    return rows.iterator(chunk_size=_CHUNK)
