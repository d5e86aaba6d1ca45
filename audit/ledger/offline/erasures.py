"""Which values of a log are missing, and which certificate of erasure accounts for them.

An entry commits to its personal values; a person's erasure takes the values and ends in a
separate entry that names the ranges it touched. A value that is missing without one is no erasure.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any, Final

from audit.ledger.format.commitment import MARK

ENDS: Final = ("subject.erased", "erasure.replayed")
_PEOPLE: Final = ("actor", "on_behalf_of")
_NAMED: Final = 10  # ranges that are named one by one
_FIRST: Final = itemgetter(0)

type Ranges = list[tuple[int, int]]
"""Stretches of entries, first and last included, in order."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """What an entry says that was erased.

    Attributes:
        index: of that entry.
        subject: key of the person (`commitment.subject_key`).
        ranges: entries that lost values, all below `index`; in order, none twice.
        whole: whether the erasure went to its end; a legal hold may have stopped it.
    """

    index: int
    subject: str
    ranges: tuple[tuple[int, int], ...]
    whole: bool

    def covers(self, index: int) -> bool:
        """Whether it says that this entry lost values."""
        at = bisect_right(self.ranges, index, key=_FIRST)
        return at > 0 and index <= self.ranges[at - 1][1]


def certificate(index: int, document: Mapping[str, Any]) -> Certificate | None:
    """What an entry (as `entry.parse` returns it) certifies; None where it is no such entry."""
    data = document["data"]
    covering = document["action"] in ENDS and document["source"] == "portal"
    if not covering or not isinstance(data.get("ranges"), list):
        return None
    ranges = sorted(one for one in data["ranges"] if _is_range(one) and one[0] <= one[1] < index)
    return Certificate(
        index,
        str(data.get("subject") or ""),
        tuple(_joined((first, last) for first, last in ranges)),
        data.get("certificate") is True,
    )


def _is_range(value: object) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(type(n) is int for n in value)


def committed(document: Mapping[str, Any]) -> Iterator[str]:
    """The paths of all values that an entry (as `entry.parse` returns it) commits to."""
    for name in _PEOPLE:
        for key, value in (document[name] or {}).items():
            if _sealed(value):
                yield f"{name}.{key}"
    if _sealed((document["target"] or {}).get("name")):
        yield "target.name"
    yield from (name for name in ("reason", "changes") if _sealed(document[name]))
    yield from (f"private.{key}" for key, value in document["private"].items() if _sealed(value))


def _sealed(value: object) -> bool:
    return isinstance(value, Mapping) and MARK in value


def missing(document: Mapping[str, Any], there: Collection[str]) -> set[str]:
    """Paths of values that an entry commits to and that are not among `there`."""
    return set(committed(document)).difference(there)


@dataclass(slots=True)
class Account:
    """Collects, entry by entry, what is missing and what certificates say; flat in memory."""

    _missing: list[list[int]] = field(default_factory=list)
    _certificates: list[Certificate] = field(default_factory=list)

    def look(self, index: int, document: Mapping[str, Any], there: Collection[str]) -> bool:
        """Take the next entry; returns whether values of it are missing.

        Args:
            index: of the entry; rising from call to call.
            document: as `entry.parse` returns it.
            there: paths of values that are open, or named as withheld.
        """
        if (found := certificate(index, document)) is not None:
            self._certificates.append(found)
        if not missing(document, there):
            return False
        if self._missing and self._missing[-1][1] == index - 1:
            self._missing[-1][1] = index
        else:
            self._missing.append([index, index])
        return True

    def is_unaccounted(self) -> Callable[[int], bool]:
        """A test of an entry: whether values of it are missing without a certificate."""
        ranges = self.unaccounted()

        def unaccounted(index: int) -> bool:
            at = bisect_right(ranges, index, key=_FIRST)
            return at > 0 and index <= ranges[at - 1][1]

        return unaccounted

    def covering(self, index: int) -> Certificate | None:
        """The first certificate that says that this entry lost values."""
        return next((one for one in self._certificates if one.covers(index)), None)

    def is_certified_from(self, size: int, index: int) -> bool:
        """Whether a certificate that is not among the first `size` entries covers this entry."""
        return any(one.index >= size and one.covers(index) for one in self._certificates)

    def erased(self) -> dict[int, Ranges]:
        """Entries with missing values by the index of the certificate that accounts for them."""
        found: dict[int, Ranges] = {}
        for index, last, covering in self._pieces():
            if covering is not None:
                found.setdefault(covering.index, []).append((index, last))
        return {index: _joined(ranges) for index, ranges in sorted(found.items())}

    def unaccounted(self) -> Ranges:
        """Entries with missing values that no certificate accounts for."""
        return _joined(
            (first, last) for first, last, covering in self._pieces() if covering is None
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the account as JSON values."""
        covering = self.erased().items()
        return {
            "erased": [
                {"certificate": index, "entries": [list(one) for one in ranges]}
                for index, ranges in covering
            ],
            "missing_without_certificate": [list(one) for one in self.unaccounted()],
        }

    def sentences(self) -> list[str]:
        """What is missing, in words; what nobody certified first."""
        said = [missing_words(found)] if (found := self.unaccounted()) else []
        for index, ranges in self.erased().items():
            said.append(f"Values of entries {named(ranges)}: erased, certificate in entry {index}.")
        return said

    def _pieces(self) -> Iterator[tuple[int, int, Certificate | None]]:
        """Ranges of entries with missing values, cut where what covers them changes."""
        edges = {
            edge for one in self._certificates for r in one.ranges for edge in (r[0], r[1] + 1)
        }
        cuts = sorted(edges)
        at = 0
        for first, last in self._missing:
            while at < len(cuts) and cuts[at] <= first:
                at += 1
            start, next_cut = first, at
            while next_cut < len(cuts) and cuts[next_cut] <= last:
                yield start, cuts[next_cut] - 1, self.covering(start)
                start, next_cut = cuts[next_cut], next_cut + 1
            yield start, last, self.covering(start)


def missing_words(ranges: Ranges) -> str:
    """What it means that values are missing which no certificate accounts for."""
    return (
        f"Why values of entries {named(ranges)} are missing: no certificate of erasure in this "
        "tree accounts for them. Ask for a later tree that has one, or for the values; without "
        "either, someone took them away."
    )


def named(ranges: Ranges) -> str:
    """`2, 4 to 7 and 3 more`."""
    said = [f"{first}" if first == last else f"{first} to {last}" for first, last in ranges]
    more = len(said) - _NAMED
    return f"{', '.join(said[:_NAMED])}{f' and {more} more stretches' if more > 0 else ''}"


def _joined(ranges: Iterable[tuple[int, int]]) -> Ranges:
    """The same entries, of ranges in the order of their first ones."""
    found: Ranges = []
    for first, last in ranges:
        if found and found[-1][1] >= first - 1:
            found[-1] = (found[-1][0], max(last, found[-1][1]))
        else:
            found.append((first, last))
    return found
