"""The counts of a query from what is kept: the same as `inventory.counting` asks the database for.

Filters are sets of accounts; a facet is counted under all of them but its own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from connections.inventory.asking import SHOWS, UNNAMED, Query
from connections.inventory.bits import pick
from connections.inventory.counting import Counts
from connections.inventory.fitting import idle_before
from connections.inventory.grouping import NOBODY, Bucket, Found, Ref
from connections.inventory.kept import Kept
from connections.inventory.matching import Fits, Owners
from connections.standing import ENDED, USABLE, Code, Ground


@dataclass(frozen=True, slots=True)
class Sets:
    """What a query stands on. Each of the mappings has a set of accounts for each value."""

    kept: Kept
    states: Mapping[Code, int]
    shows: Mapping[str, int]
    fits: Fits

    def of(self, query: Query, owners: Owners | None, found: Collection[Any] | None) -> KeptTally:
        """The counts of a query.

        Args:
            owners: whom it asks for.
            found: accounts that its words found; None where it has none.
        """
        kept, parts = self.kept, dict[str, int]()
        if states := query.values("state"):
            parts["state"] = _any(self.states, [Code(state) for state in states])
        else:
            parts["state"] = ~_any(self.states, [Code.GONE, Code.REVOKED])
        for key in ("connection", "source", "agent", "skill"):
            if values := query.values(key):
                named = ["" if v == UNNAMED else v for v in values] if key in _USERS else values
                parts[key] = kept.by[key].of(*named)
        if owners is not None:
            parts["owner"] = kept.owned(owners.known, owners.strange)
        if found is not None:
            parts["q"] = kept.places(found)
        for show in query.values("show"):
            parts[f"show={show}"] = self.shows[show]
        return KeptTally(self, parts)


_USERS = ("agent", "skill")


def sets(kept: Kept, fits: Fits, ground: Ground, now: datetime) -> Sets:
    """What every query at one moment stands on."""
    states = kept.codes(ground, now)
    live = _any(states, [code for code in Code if code not in ENDED])
    over = [pair for pair in kept.by["grant"] if fits[pair].excess]
    under = [pair for pair in kept.by["grant"] if fits[pair].missing]
    shows = {
        "idle": live & kept.seen.before(idle_before(now)),
        "unseen": live & kept.unused,
        "excess": live & kept.by["grant"].of(*over),
        "missing": live & kept.by["grant"].of(*under),
    }
    return Sets(kept, states, shows, fits)


def _any(sets: Mapping[Code, int], wanted: Sequence[Code]) -> int:
    found = 0
    for code in wanted:
        found |= sets[code]
    return found


class KeptTally:
    """How many accounts each facet's value has (`counting.Tally`)."""

    def __init__(self, sets: Sets, parts: Mapping[str, int]) -> None:
        self.fits, self._sets, self._parts = sets.fits, sets, parts
        self._all = _any(sets.states, list(Code))
        self.matching = self.under()

    def under(self, *but: str) -> int:
        """The accounts that match, some filters left aside."""
        found = self._all
        for key, part in self._parts.items():
            if key not in but:
                found &= part
        return found

    def total(self) -> int:
        """How many accounts match the whole query."""
        return self.matching.bit_count()

    def by(self, key: str) -> Counter[str]:
        """Accounts by the values of a facet, its own filter left aside."""
        within = self.under(key)
        if key != "state":
            return self._sets.kept.by[key].count(within)
        counts = {code: (bits & within).bit_count() for code, bits in self._sets.states.items()}
        return Counter({code.value: n for code, n in counts.items() if n})

    def with_show(self, value: str) -> int:
        """How many match with one more condition."""
        return (self.matching & self._sets.shows[value]).bit_count()

    def unseen(self) -> int:
        """How many matching accounts nobody was seen using."""
        return (self.matching & self._sets.kept.unused).bit_count()

    def owners(self) -> dict[tuple[str, str], int]:
        """How many accounts each owner has, the filter of owners left aside."""
        return dict(Counter(pick(self._sets.kept.owners, self.under("owner"))))

    def tiles(self) -> Counts:
        """The tiles: over what is searched for, whatever else narrows it."""
        within = self.under("state", "connection", "source", *(f"show={s}" for s in SHOWS))
        states, shows = self._sets.states, self._sets.shows
        return Counts(
            live=(within & _any(states, list(USABLE))).bit_count(),
            idle=(within & shows["idle"]).bit_count(),
            excess=(within & shows["excess"]).bit_count(),
            reconnect=(within & states[Code.NEEDS_RECONNECT]).bit_count(),
            finishing=(within & states[Code.REVOCATION_PENDING]).bit_count(),
        )

    def reader(self, group: str) -> Callable[[Sequence[Bucket], UUID | None, int], Found[Ref]]:
        """Finds the newest accounts of buckets (`grouping.page`)."""

        def read(buckets: Sequence[Bucket], below: UUID | None, limit: int) -> Found[Ref]:
            return {
                key: [Ref(pk) for pk in self._newest(group, key, below, limit)]
                for bucket in buckets
                for key in bucket.keys
            }

        return read

    def _newest(
        self, group: str, key: tuple[str, ...], below: UUID | None, limit: int
    ) -> list[UUID]:
        kept = self._sets.kept
        if group == "person":
            within = kept.owned([(key[0], key[1])], ())
        elif group == "agent":
            within = kept.unused if key == (NOBODY,) else kept.by["agent"].of(*key)
        else:
            within = kept.by["connection"].of(*key)
        return kept.newest(within & self.matching, below, limit)
