"""The ranges in which the verifier walks along the log."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from audit.sequencing import stored_tree_queries


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


def ranges(first: int, size: int, step: int) -> Iterator[Range]:
    """Ranges of at most `step`; one where all entries are missing is as long as the gap."""
    while first < size:
        end = min(first - first % step + step, size)
        there = stored_tree_queries.next_index(first)
        if there >= end:
            end = min(there, size)
        yield Range(first, end, there)
        first = end
