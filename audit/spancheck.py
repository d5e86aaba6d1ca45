"""Checks of leaves that work out anew only what was not verified before, or changed since."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import connection

from audit import rawread, tally
from audit.known import SPAN, Memory
from audit.leafcheck import LeafChecker
from audit.report import Findings


class SpanChecker:
    """Checks ranges of leaves, a stretch of 256 at a time.

    Each entry is hashed every time. Whatever is not as it was is handed to the `LeafChecker`, which
    alone decides what is wrong.

    Args:
        words: add up the words of search rows, to compare with the full-text index.

    Attributes:
        known: how many leaves were recognised so far.
        digests: of each whole stretch so far, empty of those that do not hold; who reads clears.
        beside: how many rows the tables beside the entries have of those so far; who reads clears.
    """

    def __init__(
        self, findings: Findings, leaves: LeafChecker, memory: Memory, *, words: bool = True
    ) -> None:
        self._findings = findings
        self._leaves = leaves
        self._memory = memory
        self._words = words and connection.vendor == "sqlite"
        self.known = 0
        self.digests: list[bytes] = []
        self.beside: tally.Beside = tally.NONE
        self._hanging: list[int] = []  # entries to be opened although they were recognised

    def check(self, first: int, end: int, *, examine_from: int) -> Sequence[bytes | None]:
        """Check `first <= seq < end`; as `LeafChecker.check`."""
        found: list[bytes | None] = []
        whole = max(-(-first // SPAN) * SPAN, -(-examine_from // SPAN) * SPAN)
        behind = end // SPAN * SPAN
        if whole >= behind:
            return self._singly(first, end, examine_from)
        if first < whole:
            found += self._singly(first, whole, examine_from)
        words = self._words and behind > self._leaves.index.since
        for at, read in enumerate(rawread.stretches(whole, behind, words=words)):
            found += self._stretch(whole + at * SPAN, read)
        if self._hanging:  # together: asking for a few of each stretch takes as long as for all
            self._leaves.open(self._hanging)
            self._hanging = []
        if behind < end:
            found += self._singly(behind, end, examine_from)
        return found

    def _singly(self, first: int, end: int, examine_from: int) -> Sequence[bytes | None]:
        self._count(tally.of(first, end))
        return self._leaves.check(first, end, examine_from=examine_from)

    def _count(self, beside: tally.Beside) -> None:
        self.beside = tally.added(self.beside, beside)

    def _stretch(self, first: int, read: rawread.Stretch | None) -> Sequence[bytes | None]:
        known = self._memory.recall(first, read.digest) if read else None
        if read is None or known is None:
            return self._anew(first, read.digest if read else b"")
        self._hanging += [first + place for place in known.positions()]
        for place, words in enumerate(read.terms):
            self._leaves.index.add(first + place, words)
        self.known += SPAN
        self.digests.append(read.digest)
        self._count(read.beside)
        return read.leaves

    def _anew(self, first: int, digest: bytes) -> Sequence[bytes | None]:
        problems = self._findings.count
        found = self._leaves.check(first, first + SPAN, examine_from=first)
        held = b""
        if digest and self._findings.count == problems:
            # Nothing may have changed between the two readings: the seal is over these bytes.
            again = rawread.stretch(first)
            if again is not None and again.digest == digest:
                places = {index - first for index in self._leaves.beside}
                self._memory.remember(first, digest, places)
                held = digest
        self.digests.append(held)
        self._count(tally.of(first, first + SPAN))
        return found


class EntryChecker:
    """Checks bytes alone: each entry hashes to its leaf."""

    known = 0
    beside = tally.NONE

    def __init__(self, leaves: LeafChecker) -> None:
        self._leaves = leaves
        self.digests: list[bytes] = []

    def check(self, first: int, end: int, *, examine_from: int) -> Sequence[bytes | None]:
        """Check `first <= seq < end`; what does not hold is examined in full."""
        found = rawread.entries(first, end)
        if found is None:
            return self._leaves.check(first, end, examine_from=examine_from)
        return found


def checker_of(
    findings: Findings, leaves: LeafChecker, memory: Memory, *, tree_only: bool
) -> SpanChecker | EntryChecker:
    """What checks ranges of leaves."""
    return EntryChecker(leaves) if tree_only else SpanChecker(findings, leaves, memory)
