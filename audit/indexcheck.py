"""Checks of the full-text index that search reads.

Every posting of the index, a token and a position, is hashed with this process's own key and the
hashes are added up, once from the search rows and once from the index. The sums agree only if the
postings do; memory stays flat. Where they differ, a second look finds the positions. An index in
which nothing changed is recognised by its bytes (`audit.indexbytes`), else what held of the first
events before by a digest of their postings (`audit.knownwhole`).
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice, repeat

from django.db import connection

from audit import fulltext, indexbytes, recount
from audit.known import SPAN
from audit.knownwhole import Whole
from audit.models import EventRow
from audit.report import Findings

_STRETCH = 1000
_SHOWN = 10
_PIECE = 1 << 16  # characters of a list of positions that are taken apart at a time
HINT = "run rebuild_projection"


@dataclass(frozen=True, slots=True)
class Held:
    """What the index holds, all of one moment.

    Attributes:
        total: sum of the postings `first <= seq < size`.
        before: digest of the postings before `first`.
        upto: digest of the postings of all whole stretches.
        beyond: postings at positions that no entry has.
        highest: position of the last entry.
    """

    total: int
    before: bytes
    upto: bytes
    beyond: int
    highest: int


@dataclass(frozen=True, slots=True)
class Looked:
    """A look at the index: its bytes (`indexbytes.seal`), and what it holds.

    That is None where the bytes are those that were to be recognised.
    """

    seal: bytes
    held: Held | None


@dataclass(frozen=True, slots=True)
class Right:
    """What is right of an index; empty where something is not, or where it is no table of its own.

    Attributes:
        words: digest of the postings of all whole stretches.
        index: seal of the whole; empty where it holds events that were not compared.
    """

    words: bytes = b""
    index: bytes = b""


class IndexChecker:
    """Adds up postings as rows pass, and compares with the index in the end.

    Attributes:
        since: the first position whose postings are added; the others are to be recognised.
        total: the sum so far.
    """

    def __init__(self, findings: Findings) -> None:
        self._findings = findings
        self.since = 0
        self.total = 0

    def add(self, index: int, terms: str) -> None:
        """Note what the index must hold for a row."""
        if index >= self.since and connection.vendor == "sqlite":
            self.total += _sum(terms, index)

    def finish(self, start: int, size: int, looked: Looked | None, known: Whole | None) -> Right:
        """Compare the index with the rows `start <= seq < size`.

        Args:
            looked: of `look` from where the sums begin, if another process made the sums.
            known: what is known of the rows that were not added up, if they are still those.
        """
        if connection.vendor == "postgresql":
            self._finish_vector()
            return Right()
        first = max(start, self.since)
        looked = looked or look(first, size, known)
        if looked.held is None and known:
            return Right(known.words, looked.seal)
        stored = looked.held
        if stored is None or (first > start and not (known and stored.before == known.words)):
            self.total = sum(_sum(terms, seq or 0) for seq, terms in _terms(start, size))
            looked = look(start, size, None)
            stored = looked.held
        assert stored is not None
        if stored.total == self.total and not stored.beyond:
            return Right(stored.upto, looked.seal if stored.highest == size - 1 else b"")
        with fulltext.postings() as source:
            for index, missing, surplus in islice(_differing(source, start, size), _SHOWN):
                message = (
                    f"the full-text index lacks {missing} words of the search row and holds "
                    f"{surplus} others; {HINT}"
                )
                self._findings.add("index", message, index)
        if stored.beyond:
            message = f"the full-text index holds {stored.beyond} words of no entry; {HINT}"
            self._findings.add("index", message)
        return Right()

    def _finish_vector(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute(fulltext.PG_WRONG)
            for seq, event in cursor.fetchall():
                message = f"the full-text column differs from the search row; {HINT}"
                self._findings.add("index", message, seq, event)


def look(first: int, size: int, known: Whole | None) -> Looked:
    """The index at one moment; posting by posting from `first` on, unless it is as `known` says."""
    with fulltext.postings() as source, recount.one_moment():
        source.write()
        seal = indexbytes.seal(size)
        if known and known.index and known.index == seal:
            return Looked(seal, None)
        return Looked(seal, held(source, first, size))


def held(source: fulltext.Postings, first: int, size: int) -> Held:
    """What the index holds, from `first` on posting by posting."""
    upto = size // SPAN * SPAN
    before, through = hashlib.sha256(), hashlib.sha256()
    total = beyond = 0
    highest = -1
    for token, places, highest in source.lists():
        if first and places[0] != "-" and int(places[places.rfind(",") + 1 :]) < first:
            said = _said(token, places)
            before.update(said)
            through.update(said)
            continue
        begin, end, whole = (_cut(places, limit) for limit in (first, size, upto))
        before.update(_said(token, places[:begin]))
        through.update(_said(token, places[:whole]))
        for some in _numbers(places[begin:end]):
            total += sum(map(hash, zip(repeat(token), some)))
        beyond += _many(places[: _cut(places, 0)])
        beyond += _many(places[_cut(places, highest + 1) :])
    return Held(total, before.digest(), through.digest(), beyond, highest)


def _said(token: str, places: str) -> bytes:
    """What no other token and positions are written as; nothing where there are none."""
    if not places:
        return b""
    return f"{len(token)} {token}{places.removesuffix(',')}\n".encode()


def _cut(places: str, limit: int) -> int:
    """Where the first of ascending numbers begins that is not below `limit`."""
    low, high = 0, len(places)
    while low < high:
        begin = places.rfind(",", low, (low + high) // 2) + 1 or low
        end = places.find(",", begin)
        end = len(places) if end < 0 else end
        if int(places[begin:end]) < limit:
            low = end + 1
        else:
            high = begin
    return min(low, len(places))


def _numbers(places: str) -> Iterator[Iterable[int]]:
    at = 0
    places = places.removesuffix(",")
    while at < len(places):
        end = places.find(",", at + _PIECE)
        end = len(places) if end < 0 else end
        yield map(int, places[at:end].split(","))
        at = end + 1


def _many(places: str) -> int:
    places = places.removesuffix(",")
    return places.count(",") + 1 if places else 0


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


def _terms(first: int, end: int) -> Iterator[tuple[int | None, str]]:
    rows = EventRow.objects.filter(seq__gte=first, seq__lt=end).values_list("seq", "terms")
    return rows.iterator(chunk_size=_STRETCH)
