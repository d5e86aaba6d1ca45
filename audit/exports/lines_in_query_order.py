"""The lines of an export in order: from packed blocks, and event by event where there is none."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Final

from django.db import connection

from audit.evidence import log_proof_levels
from audit.evidence.log_proof_levels import LogSizes
from audit.exports import line_block_cache
from audit.exports.compressed_line_blocks import Lines
from audit.exports.formats import FORMATS
from audit.ledger.query import EventQuery
from audit.models import EventRow
from audit.recording import stored_event_loader
from audit.search import event_search, search_sql
from audit.search.projection import SPAN
from audit.search.query_plan import Plan, plan_of

_PAGE: Final = 8192  # positions looked up at once
_FIRST: Final = 256  # and at first, so that somebody who downloads sees that it goes on
_AT_ONCE: Final = 8  # blocks in memory


def pieces(
    query: EventQuery, format: str, *, size: int, person: str = "", few: bool = True
) -> Iterator[tuple[bytes, int]]:
    """Lines of the matching events in the tree of `size`, with how many they are, in query order.

    Args:
        few: whether so few match that the index finds them all at once.

    Raises:
        InvalidQuery: the query has errors.
        EntryError: an entry or an opening was altered.
    """
    sizes = log_proof_levels.current()
    plan = plan_of(query.at(""), sizes, person)
    by_block: Iterator[tuple[int, Sequence[int]]]
    if plan.everything:
        by_block = _whole(size, newest=plan.newest)
    else:
        found = _positions(_bounded(plan, size), few=few)
        by_block = (
            (number * SPAN, list(seqs)) for number, seqs in groupby(found, lambda seq: seq // SPAN)
        )
    writer = _Writer(format, sizes, newest=plan.newest)
    waiting: list[tuple[int, Sequence[int]]] = []
    for each in by_block:
        waiting.append(each)
        if len(waiting) == _AT_ONCE:
            yield from writer.write(waiting)
            waiting = []
    yield from writer.write(waiting)


def positions(query: EventQuery, *, size: int) -> Iterator[int]:
    """Positions of the matching events in the tree of `size`, a few thousand in memory at a time.

    Raises:
        InvalidQuery: the query has errors.
    """
    plan = plan_of(query.at(""), log_proof_levels.current())
    if plan.everything:
        yield from range(size)
        return
    few = event_search.expected(query, size=size).count <= event_search.CAP
    yield from _positions(_bounded(plan, size), few=few)


def _bounded(plan: Plan, size: int) -> Plan:
    """The plan within the tree of `size`."""
    ranges = ((0, None),) if plan.ranges is None else plan.ranges
    clipped = tuple(
        (first, size if end is None else min(end, size)) for first, end in ranges if first < size
    )
    return replace(plan, ranges=clipped, pending=False)


def _whole(size: int, *, newest: bool) -> Iterator[tuple[int, Sequence[int]]]:
    firsts = range(0, size, SPAN)
    for first in reversed(firsts) if newest else firsts:
        seqs = range(first, min(first + SPAN, size))
        yield first, seqs[::-1] if newest else seqs


def _positions(plan: Plan, *, few: bool) -> Iterator[int]:
    beyond: int | None = None
    limit = _PAGE if few else _FIRST  # the index finds a few at once, however many are asked for
    while True:
        sql, params = search_sql.rows(
            plan, "r.seq", beyond=beyond, descending=plan.newest, limit=limit, common=not few
        )
        with connection.cursor() as cursor:
            cursor.execute(sql, params)
            found = [int(seq) for (seq,) in cursor.fetchall()]
        yield from found
        if len(found) < limit:
            return
        beyond, limit = found[-1], min(limit * 4, _PAGE)


class _Writer:
    """Writes blocks of positions as lines."""

    def __init__(self, format: str, sizes: LogSizes, *, newest: bool) -> None:
        self._format = format
        self._sizes = sizes
        self._newest = newest

    def write(self, wanted: list[tuple[int, Sequence[int]]]) -> Iterator[tuple[bytes, int]]:
        """One piece a block; `wanted` holds first positions of blocks with positions in them."""
        # Even one line is read from its block: opening one event takes longer than unpacking 256.
        packed = line_block_cache.read(self._format, [first for first, _ in wanted])
        for first, seqs in wanted:
            lines = packed.pop(first, None)
            piece = self._opened(seqs) if lines is None else self._packed(lines, first, seqs)
            yield piece, len(seqs)

    def _packed(self, lines: Lines, first: int, seqs: Sequence[int]) -> bytes:
        if len(seqs) == SPAN and self._sizes.level(first) == self._sizes.level(first + SPAN - 1):
            return lines.all(self._sizes.level(first), backwards=self._newest)
        runs = groupby(seqs, self._sizes.level)
        return b"".join(lines.some([seq - first for seq in run], level) for level, run in runs)

    def _opened(self, seqs: Sequence[int]) -> bytes:
        stored = list(EventRow.objects.filter(seq__in=list(seqs)))
        events = {event["index"]: event for event in event_search.publics(stored, self._sizes)}
        for seq in seqs:
            if seq not in events:  # the search row was lost; the entry was not
                events[seq] = stored_event_loader.load_entries(seq, seq + 1)[0]
        row = FORMATS[self._format].row
        return b"".join(row(events[seq]) for seq in seqs)
