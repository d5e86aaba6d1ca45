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

from audit.ledger.tree_edge import Joined

if TYPE_CHECKING:
    from audit.verification.checks.entries import Seen
    from audit.verification.checks.fulltext_index import Held
    from audit.verification.checks.key_files import Recorded
    from audit.verification.checks.row_totals import Counts, Tally
    from audit.verification.report import Findings


@dataclass(frozen=True, slots=True)
class Checked:
    """What a process found in a range: hashes of its leaves, None where anything is wrong."""

    leaves: Joined | None
    seen: Seen
    counts: Counts


class Crowd:
    """Processes that verify ranges and whole tables in parallel.

    Where nothing else goes on in this process they are forked from it, which costs nothing; else
    they are started fresh, so that none inherits a connection or a lock, with one hash seed: the
    sums of postings that they make can be compared.
    """

    def __init__(self, many: int, *, start: int, tree_only: bool) -> None:
        self._many = many
        self._tree_only = tree_only
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
            self._stages: dict[str, Future[Any]] = {}
            # A process starts when work comes to it, and has to find the seed then.
            list(self._pool.map(_hello, range(many)))
        finally:
            if before is None:
                os.environ.pop("PYTHONHASHSEED", None)
            else:
                os.environ["PYTHONHASHSEED"] = before

    def begin(self, start: int, size: int) -> None:
        """Let checks of whole tables begin; their results are waited for later."""
        self._stages["recorded"] = self._pool.submit(_recorded)
        if self._tree_only:
            return
        if connection.vendor == "sqlite":
            self._stages["index"] = self._pool.submit(_postings, start, size)
        self._stages["counts"] = self._pool.submit(_counts)
        self._stages["tally"] = self._pool.submit(_tally, size)

    @property
    def ahead(self) -> int:
        """How many ranges may wait at any moment."""
        return 2 * self._many

    def check(self, first: int, end: int) -> Future[Checked]:
        """Begin to check a range."""
        return self._pool.submit(_check, first, end)

    def recorded(self) -> Recorded:
        """What the log has about its keys."""
        recorded: Recorded = self._stages["recorded"].result()
        return recorded

    def tally(self) -> Tally:
        """How many rows there are."""
        counted: Tally = self._stages["tally"].result()
        return counted

    def counts(self) -> Findings:
        """What is wrong with the counts."""
        found: Findings = self._stages["counts"].result()
        return found

    def postings(self) -> Held | None:
        """What the full-text index holds, to compare with the rows; None where it is no table."""
        return self._stages["index"].result() if "index" in self._stages else None

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
    hashes, counts = leaves.check_range(first, end, examine_from=start, tree_only=tree_only)
    # One value, folded here: handing over each hash costs the other side as much as reading them.
    joined = Joined.of(first, hashes) if findings.count == before else None
    findings.kept.clear()
    return Checked(joined, leaves.take_seen(), counts)


def _recorded() -> Recorded:
    from audit.verification.checks import key_files

    return key_files.look()


def _tally(size: int) -> Tally:
    from audit.verification.checks import row_totals

    return row_totals.take(size)


def _counts() -> Findings:
    from audit.verification.checks import rollup_counts
    from audit.verification.report import Findings

    found = Findings()
    rollup_counts.check(found)
    return found


def _postings(first: int, size: int) -> Held:
    from audit.verification.checks import fulltext_index

    return fulltext_index.look(first, size)
