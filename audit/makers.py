"""Rows of many events, made by several processes beside each other.

Making an event takes longer than writing it, and nothing of it needs the database but evidence, so
whoever writes hundreds of thousands lets the other processors do it. What comes back is what the
engine takes, so that the one who writes has nothing left to do with it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Any
from uuid import UUID

from audit import bulk
from audit.forking import alone, begin
from audit.models import Event, EventRow, Openings
from audit.record import Draft, Prepared, prepared

type Rows = list[tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Made:
    """The rows of a batch in the order of their ids, as `audit.bulk.insert_converted` takes them.

    `ids` stand in the order of the drafts, `newest` is the highest one.
    """

    ids: list[UUID]
    newest: UUID
    leaves: list[bytes]
    events: Rows
    openings: Rows
    rows: Rows


def made(prepared: Sequence[Prepared]) -> Made:
    """What is prepared, converted for the engine."""
    ordered = sorted(prepared, key=lambda one: one.id)
    return Made(
        [one.id for one in prepared],
        ordered[-1].id,
        [one.event[2] for one in ordered],
        bulk.converted(Event, [one.event for one in ordered]),
        bulk.converted(Openings, [opening for one in ordered for opening in one.openings]),
        bulk.converted(EventRow, [one.row for one in ordered]),
    )


@contextmanager
def makers(processes: int) -> Iterator[Makers]:
    """Processes for as long as the block lasts; of fewer than two, this one alone."""
    if processes < 2:
        yield Makers(None, 1)
        return
    # Where nothing else goes on here they are forked, which costs nothing; else they come to life
    # anew, so that none inherits a connection or a lock.
    way = get_context("fork" if alone() else "spawn")
    pool = ProcessPoolExecutor(processes, way, initializer=begin)
    try:
        pool.submit(_nothing).result()  # who is forked is there before a connection is
        yield Makers(pool, processes)
    finally:
        pool.shutdown(cancel_futures=True)


class Makers:
    """Makes batches, some ahead of the one that is written."""

    def __init__(self, pool: ProcessPoolExecutor | None, processes: int) -> None:
        self._pool = pool
        self._ahead = processes + 1

    def made(self, batches: Iterable[Sequence[Draft]]) -> Iterator[Made]:
        """The rows of each batch, in the order of the batches, none of which is empty.

        Raises:
            UnknownAction, EntryError: as `audit.record.record`.
        """
        if self._pool is None:
            yield from (made(prepared(batch)) for batch in batches)
            return
        waiting: deque[tuple[Sequence[Draft], Future[_Plain | None]]] = deque()
        for batch in batches:
            waiting.append((batch, self._pool.submit(_make, batch)))
            if len(waiting) > self._ahead:
                yield self._finished(*waiting.popleft())
        while waiting:
            yield self._finished(*waiting.popleft())

    def _finished(self, batch: Sequence[Draft], work: Future[_Plain | None]) -> Made:
        plain = work.result()
        if plain is None:  # one cannot be recorded: made here, it says so with all it knows
            return made(prepared(batch))
        ids, leaves, events, openings, rows = plain
        found = [UUID(int=int.from_bytes(ids[at : at + 16])) for at in range(0, len(ids), 16)]
        return Made(found, max(found), leaves, events, openings, rows)


def _nothing() -> None:
    """A process that answers is there; of forked ones all begin with the first."""


type _Plain = tuple[bytes, list[bytes], Rows, Rows, Rows]


def _make(batch: Sequence[Draft]) -> _Plain | None:
    try:
        found = made(prepared(batch))
    except Exception:
        return None
    ids = b"".join(one.bytes for one in found.ids)
    return ids, found.leaves, found.events, found.openings, found.rows
