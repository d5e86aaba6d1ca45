"""Sets of accounts as whole numbers: bit `n` stands for the account at place `n`.

Fifty thousand accounts are six kilobytes; Python intersects and counts two such sets in some
microseconds, so that a page can count every value of every facet under any filter.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import chain, compress

_SPARSE = 64
"""A value that fewer than one in so many accounts have is kept as a set of places."""
_BANDS = 8


def bits_of(places: Iterable[int], length: int) -> int:
    """The set of these places, all below `length`."""
    made = bytearray(length // 8 + 1)
    for place in places:
        made[place >> 3] |= 1 << (place & 7)
    return int.from_bytes(made, "little")


def flags_of(bits: int) -> Iterator[int]:
    """1 or 0 for each place in order, up to the last that is there."""
    return map(_DIGITS.__getitem__, reversed(bin(bits)[2:])) if bits else iter(())


_DIGITS = {"0": 0, "1": 1}


def places_of(bits: int) -> Iterator[int]:
    """The places of a set, the last one first."""
    text = bin(bits)[2:]
    last, found = len(text) - 1, text.find("1") if bits else -1
    while found >= 0:
        yield last - found
        found = text.find("1", found + 1)


def pick[T](values: Iterable[T], bits: int) -> Iterator[T]:
    """Of the values by place, those of a set."""
    return compress(values, flags_of(bits))


class Values[V: Hashable]:
    """Which accounts have which value of one column, or which values of one list."""

    def __init__(self, found: dict[V, list[int]], length: int) -> None:
        """Args:
        found: the places of each value.
        length: above every place.
        """
        self._dense: dict[V, int] = {}
        self._sparse: dict[V, set[int]] = {}
        for value, places in found.items():
            if len(places) * _SPARSE > length:
                self._dense[value] = bits_of(places, length)
            else:
                self._sparse[value] = set(places)

    def __iter__(self) -> Iterator[V]:
        return chain(self._dense, self._sparse)

    def add(self, value: V, place: int) -> None:
        """An account has it now."""
        if value in self._dense:
            self._dense[value] |= 1 << place
            return
        places = self._sparse.setdefault(value, set())
        places.add(place)
        if len(places) > 1_000:
            self._dense[value] = bits_of(self._sparse.pop(value), max(places) + 1)

    def remove(self, value: V, place: int) -> None:
        """An account that had it has it no more."""
        if value in self._dense:
            self._dense[value] &= ~(1 << place)
            return
        places = self._sparse[value]
        places.discard(place)
        if not places:
            del self._sparse[value]

    def of(self, *wanted: V) -> int:
        """The accounts that have one of these values."""
        found, rare = 0, set[int]()
        for value in wanted:
            found |= self._dense.get(value, 0)
            rare |= self._sparse.get(value, set())
        return found | bits_of(rare, max(rare) + 1) if rare else found

    def count(self, within: int) -> Counter[V]:
        """How many accounts of a set have each value; values of none are left out."""
        found = Counter[V]()
        for value, bits in self._dense.items():
            if n := (bits & within).bit_count():
                found[value] = n
        if self._sparse:
            have = within.to_bytes(within.bit_length() // 8 + 1, "little")
            end = len(have) * 8
            for value, places in self._sparse.items():
                if n := sum(have[p >> 3] >> (p & 7) & 1 for p in places if p < end):
                    found[value] = n
        return found


@dataclass(slots=True)
class _Band:
    """The set that is right for every moment from `low` on and before `high`."""

    low: datetime
    high: datetime
    bits: int


@dataclass(slots=True)
class Moments:
    """A moment of each account, NEVER for none, and who has theirs behind them.

    What was found for one moment is right until the next account's turn, and is kept until then.
    """

    by_place: list[datetime]
    _bands: list[_Band] = field(default_factory=list)

    def until(self, moment: datetime) -> int:
        """The accounts whose moment is not after this one."""
        for band in self._bands:
            if band.low <= moment < band.high:
                return band.bits
        low, high, places = _FIRST, NEVER, []
        for place, value in enumerate(self.by_place):
            if value <= moment:
                places.append(place)
                low = max(low, value)
            elif value < high:
                high = value
        made = _Band(low, high, bits_of(places, len(self.by_place)))
        self._bands = [made, *self._bands[: _BANDS - 1]]
        return made.bits

    def before(self, moment: datetime) -> int:
        """The accounts whose moment is before this one."""
        return self.until(moment - timedelta(microseconds=1))

    def put(self, place: int, moment: datetime) -> None:
        """An account's moment is this one now; one place more than there are is added."""
        if place == len(self.by_place):
            self.by_place.append(moment)
        else:
            self.by_place[place] = moment
        for band in self._bands:
            if moment <= band.low:
                band.bits |= 1 << place
            else:
                band.bits &= ~(1 << place)
        self._bands = [b for b in self._bands if not b.low < moment < b.high]


_FIRST = datetime.min.replace(tzinfo=UTC)
NEVER = datetime.max.replace(tzinfo=UTC)
