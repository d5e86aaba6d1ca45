"""Verification by several processes: each checks ranges of leaves, none holds more than one."""

from __future__ import annotations

import os
import secrets
import threading
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from typing import TYPE_CHECKING, Any

import django
from django.db import connection

from audit.ledger.growing import Joined

if TYPE_CHECKING:
    from audit.countcheck import Counted
    from audit.indexcheck import Looked
    from audit.keycheck import Told
    from audit.knownwhole import Whole
    from audit.leafcheck import Told as Seen
    from audit.report import Findings
    from audit.tally import Beside, Tally


@dataclass(frozen=True, slots=True)
class Checked:
    """What a process found in a range: hashes of its leaves, None where anything is wrong."""

    leaves: Joined | None
    known: int
    told: Seen
    digests: list[bytes]
    beside: Beside


class Crowd:
    """Processes that verify ranges and whole tables beside each other.

    Where nothing else goes on in this process they are forked from it, which costs nothing; else
    they come to life anew, so that none inherits a connection or a lock, with one hash seed: the
    sums of postings that they make can be compared.
    """

    def __init__(
        self, many: int, *, start: int, tree_only: bool, since: int, known: Whole | None
    ) -> None:
        self._many = many
        self._tree_only = tree_only
        self._known = known
        before = os.environ.get("PYTHONHASHSEED")
        if not (forked := _alone()):
            os.environ["PYTHONHASHSEED"] = str(secrets.randbelow(2**32 - 1) + 1)
        try:
            self._pool = ProcessPoolExecutor(
                many,
                get_context("fork" if forked else "spawn"),
                initializer=_begin,
                initargs=(start, tree_only, since, known.size if known else 0),
            )
            self._stages: dict[str, Future[Any]] = {}
            # A process starts when work comes to it, and has to find the seed then.
            list(self._pool.map(_hello, range(many)))
        finally:
            if before is None:
                os.environ.pop("PYTHONHASHSEED", None)
            else:
                os.environ["PYTHONHASHSEED"] = before

    def begin(self, start: int, size: int) -> None:
        """Let checks of whole tables begin; those that tell wait for them."""
        self._stages["told"] = self._pool.submit(_told)
        if self._tree_only:
            return
        if connection.vendor == "sqlite":
            first = max(start, self._known.size if self._known else 0)
            self._stages["index"] = self._pool.submit(_postings, first, size, self._known)
        self._stages["counts"] = self._pool.submit(_counts, self._known, size)
        self._stages["tally"] = self._pool.submit(_tally, size)

    @property
    def ahead(self) -> int:
        """How many ranges may wait at any moment."""
        return 2 * self._many

    def check(self, first: int, end: int) -> Future[Checked]:
        """Begin to check a range."""
        return self._pool.submit(_check, first, end)

    def told(self) -> Told:
        """What the log tells of its keys."""
        told: Told = self._stages["told"].result()
        return told

    def tally(self) -> Tally:
        """How many rows there are."""
        counted: Tally = self._stages["tally"].result()
        return counted

    def counts(self) -> tuple[Findings, Counted]:
        """What the counts are, and what was found."""
        found: tuple[Findings, Counted] = self._stages["counts"].result()
        return found

    def postings(self) -> Looked | None:
        """What the full-text index holds, to compare with the rows; None where it is no table."""
        return self._stages["index"].result() if "index" in self._stages else None

    def close(self) -> None:
        """End the processes; what waits is not begun."""
        self._pool.shutdown(cancel_futures=True)


def _alone() -> bool:
    """Whether this process may be forked: it has one thread, and no connection to share.

    Outside a transaction, its connection is closed, to be opened anew by who needs it.
    """
    if connection.in_atomic_block:
        return False
    connection.close()
    if connection.vendor == "postgresql":
        connection.close_pool()  # type: ignore[attr-defined]
    return threading.active_count() == 1


_state: dict[str, Any] = {}


def _begin(start: int, tree_only: bool, since: int, known: int) -> None:
    django.setup()  # of one that was forked, done
    from audit.known import Memory
    from audit.leafcheck import LeafChecker
    from audit.rawread import little_cache
    from audit.report import Findings
    from audit.spancheck import checker_of

    _state["cache"] = kept = little_cache()  # as long as the process lives
    kept.__enter__()
    findings = Findings()
    leaves = LeafChecker(findings)
    leaves.index.since = known
    checker = checker_of(findings, leaves, Memory(since), tree_only=tree_only)
    _state["here"] = (start, findings, leaves, checker)


def _hello(_: int) -> None:
    """Nothing: a process that answers is there."""


def _check(first: int, end: int) -> Checked:
    start, findings, leaves, checker = _state["here"]
    before, known = findings.count, checker.known
    hashes = checker.check(first, end, examine_from=start)
    # One value, folded here: handing over each hash costs the other side as much as reading them.
    joined = Joined.of(first, hashes) if findings.count == before else None
    findings.kept.clear()
    digests, checker.digests = checker.digests, []
    beside, checker.beside = checker.beside, (0, 0)
    return Checked(joined, checker.known - known, leaves.told(), digests, beside)


def _told() -> Told:
    from audit import keycheck

    return keycheck.look()


def _tally(size: int) -> Tally:
    from audit import tally

    return tally.take(size)


def _counts(known: Whole | None, size: int) -> tuple[Findings, Counted]:
    from audit import countcheck
    from audit.report import Findings

    found = Findings()
    return found, countcheck.check(found, known, size)


def _postings(first: int, size: int, known: Whole | None) -> Looked:
    from audit import indexcheck

    return indexcheck.look(first, size, known)
