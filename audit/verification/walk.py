"""The walk of the verifier along the log, alone or with other processes."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass

from audit.ledger.tree_edge import Joined
from audit.sequencing import tree_store
from audit.verification.checks import row_totals
from audit.verification.checks.entries import LeafChecker
from audit.verification.parallel import Checked, Crowd
from audit.verification.report import Findings
from audit.verification.unreadable_rows import NOT_READ, note


@dataclass(frozen=True, slots=True)
class Range:
    """Indices `first <= i < end`; `there` is the first of them or after that has an entry."""

    first: int
    end: int
    there: int

    @property
    def missing(self) -> bool:
        """Whether it has no entry at all."""
        return self.there >= self.end


@dataclass(frozen=True, slots=True)
class Walked:
    """A range behind us, with the hashes of its leaves; None where all are missing, or they cannot
    be read."""

    first: int
    end: int
    there: int
    leaves: Sequence[bytes | None] | Joined | None
    counts: row_totals.Counts = row_totals.NONE

    @property
    def missing(self) -> bool:
        """Whether it has no entry at all."""
        return self.there >= self.end


def ranges(first: int, size: int, step: int) -> Iterator[Range]:
    """Ranges of at most `step`; one where all entries are missing is as long as the gap."""
    while first < size:
        end = min(first - first % step + step, size)
        there = tree_store.next_index(first)
        if there >= end:
            end = min(there, size)
        yield Range(first, end, there)
        first = end


def walk(
    ranges: Iterable[Range],
    leaves: LeafChecker,
    findings: Findings,
    crowd: Crowd | None,
    *,
    examine_from: int,
    tree_only: bool,
) -> Iterator[Walked]:
    """Check ranges, in their order."""
    if crowd is not None:
        yield from _with(crowd, ranges, leaves, findings, examine_from)
        return
    for one in ranges:
        if one.missing:
            yield Walked(one.first, one.end, one.there, None)
            continue
        try:
            found, counts = leaves.check_range(
                one.first, one.end, examine_from=examine_from, tree_only=tree_only
            )
        except NOT_READ as error:
            yield _unread(one, findings, error)
        else:
            yield Walked(one.first, one.end, one.there, found, counts)


def _unread(one: Range, findings: Findings, error: Exception) -> Walked:
    note(findings, f"the entries {one.first} to {one.end - 1}", error, one.first)
    return Walked(one.first, one.end, one.there, None)


def _with(
    crowd: Crowd,
    ranges: Iterable[Range],
    leaves: LeafChecker,
    findings: Findings,
    examine_from: int,
) -> Iterator[Walked]:
    waiting: deque[tuple[Range, Future[Checked] | None]] = deque()

    def next_done() -> Walked:
        one, future = waiting.popleft()
        if future is None:
            return Walked(one.first, one.end, one.there, None)
        try:
            checked = future.result()
        except NOT_READ:  # what it comes from does not come along: it is read here to be judged
            checked = None
        if checked is not None and checked.leaves is not None:
            leaves.learn(checked.seen)
            return Walked(one.first, one.end, one.there, checked.leaves, checked.counts)
        # Said by one voice, which knows all that came before: what others only suspect.
        total = leaves.index.total + (checked.seen.postings if checked else 0)
        try:
            found = leaves.check(one.first, one.end, examine_from=examine_from)
        except NOT_READ as error:
            return _unread(one, findings, error)
        finally:
            leaves.index.total = total  # of sums that are made with their seed, not with ours
        counts = checked.counts if checked else row_totals.NONE
        return Walked(one.first, one.end, one.there, found, counts)

    for one in ranges:
        future = None if one.missing else crowd.check(one.first, one.end)
        waiting.append((one, future))
        if len(waiting) > crowd.ahead:
            yield next_done()
    while waiting:
        yield next_done()
