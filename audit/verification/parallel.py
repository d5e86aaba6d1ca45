"""Verification by several processes: each checks ranges of leaves, none holds more than one."""

from __future__ import annotations

import os
import secrets
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from typing import TYPE_CHECKING, Any

import django
from django.db import connection

from audit.verification.leaf_ranges import Range
from audit.verification.unreadable_rows import NOT_READ

if TYPE_CHECKING:
    from audit.verification.checks.entries import LeafChecker, Seen
    from audit.verification.checks.fulltext_index import Held

type Hashes = Sequence[bytes | None]


@dataclass(frozen=True, slots=True)
class Checked:
    """What a process found in a range: hashes of its leaves, None where anything is wrong."""

    leaves: Hashes | None
    seen: Seen


class Crowd:
    """Processes that verify ranges in parallel.

    Where nothing else goes on in this process they are forked from it, which costs nothing; else
    they are started fresh, so that none inherits a connection or a lock, with one hash seed: the
    sums of postings that they make can be compared.
    """

    def __init__(self, many: int, *, start: int, tree_only: bool) -> None:
        self._many = many
        self._start = start
        before = os.environ.get("PYTHONHASHSEED")
        if not (forked := _alone()):
            os.environ["PYTHONHASHSEED"] = str(secrets.randbelow(2**32 - 1) + 1)
        try:
            self._pool = ProcessPoolExecutor(
                many,
                get_context("fork" if forked else "spawn"),
                initializer=_begin,
                initargs=(start, tree_only),
            )
            # A process starts when work comes to it, and has to find the seed then.
            list(self._pool.map(_hello, range(many)))
        finally:
            if before is None:
                os.environ.pop("PYTHONHASHSEED", None)
            else:
                os.environ["PYTHONHASHSEED"] = before

    def walk(
        self, ranges: Iterable[Range], leaves: LeafChecker
    ) -> Iterator[tuple[Range, Callable[[], Hashes]]]:
        """Ranges in their order, each with what waits for its hashes; some are checked ahead."""
        waiting: deque[tuple[Range, Callable[[], Hashes]]] = deque()
        for one in ranges:
            # Nobody asks for the hashes of a range that is missing.
            future = None if one.missing else self._pool.submit(_check, one.first, one.end)
            waiting.append((one, partial(self._result, future, one, leaves)))
            if len(waiting) > 2 * self._many:
                yield waiting.popleft()
        yield from waiting

    def _result(self, future: Future[Checked] | None, one: Range, leaves: LeafChecker) -> Hashes:
        try:
            checked = future.result() if future else None
        except NOT_READ:  # what it comes from does not come along: it is read here to be judged
            checked = None
        if checked is not None and checked.leaves is not None:
            leaves.learn(checked.seen)
            return checked.leaves
        # Said by one voice, which knows all that came before: what others only suspect.
        total = leaves.index.total + (checked.seen.postings if checked else 0)
        try:
            return leaves.check(one.first, one.end, examine_from=self._start)
        finally:
            leaves.index.total = total  # of sums that are made with their seed, not with ours

    def postings(self, first: int, size: int) -> Held | None:
        """What the full-text index holds, to compare with the rows; None where it is no table."""
        if connection.vendor != "sqlite":
            return None
        return self._pool.submit(_postings, first, size).result()

    def close(self) -> None:
        """End the processes; what waits is not begun."""
        self._pool.shutdown(cancel_futures=True)


def _alone() -> bool:
    """Whether this process may be forked: it has one thread, and no connection to share.

    Outside a transaction, its connection is closed and opened again when needed.
    """
    if connection.in_atomic_block:
        return False
    connection.close()
    if connection.vendor == "postgresql":
        connection.close_pool()  # type: ignore[attr-defined]
    return threading.active_count() == 1


_state: dict[str, Any] = {}


def _begin(start: int, tree_only: bool) -> None:
    django.setup()  # of one that was forked, done
    from audit.verification.checks.entries import LeafChecker
    from audit.verification.report import Findings

    findings = Findings()
    _state["here"] = (start, tree_only, findings, LeafChecker(findings))


def _hello(_: int) -> None:
    """Nothing: a process that answers is there."""


def _check(first: int, end: int) -> Checked:
    start, tree_only, findings, leaves = _state["here"]
    before = findings.count
    hashes = leaves.check_range(first, end, examine_from=start, tree_only=tree_only)
    good = findings.count == before
    findings.kept.clear()
    return Checked(hashes if good else None, leaves.take_seen())


def _postings(first: int, size: int) -> Held:
    from audit.verification.checks import fulltext_index

    return fulltext_index.look(first, size)
