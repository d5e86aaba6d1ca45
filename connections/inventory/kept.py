"""What the inventory counts by, kept by a process and brought up to date with each look.

A short row of every account and sets of accounts by value (`inventory.bits`). A look asks the
journal which accounts changed since the last one and reads those again; a process reads all of them
once. What follows from the clock, from settings and from freezes is derived at each look, by the
rules of `connections.standing` in their order.

Inside a transaction nothing is kept: what it changed itself may yet be undone. Nor is it where
changes are not told or their journal cannot be begun, or of more than MOST accounts.
"""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from heapq import nlargest
from itertools import islice
from typing import Any, Final
from uuid import UUID

from django.db import connection

from connections.inventory import journal, reading
from connections.inventory.bits import NEVER, Moments, Values, bits_of, places_of
from connections.inventory.reading import Known
from connections.just_in_time.setting import OWNER
from connections.models import ConnectedAccount, FrozenKind, State
from connections.standing import ENDED, EVERYTHING, EXPIRES_SOON, Code, Ground

MOST: Final = 250_000
"""Accounts that are kept; where there are more, each look asks the database."""
_AGAIN: Final = 5_000  # changed accounts of which all are read anew
_HOUR: Final = timedelta(hours=1)
_KEYS: Final = ("state", "connection", "source", "grant", "sub", "agent", "skill")


class Kept:
    """All accounts at one moment. Whoever uses it holds the lock (`looking`).

    Attributes:
        by: accounts by value of each of _KEYS; a grant is `(connection, digest of scopes)`.
        owners: issuer and subject, by place.
        unused: the accounts nobody was seen using.
        seen: by the last use that our broker or Auth0 told, or since when we watch.
    """

    def __init__(self, rows: Sequence[Known]) -> None:
        """Of all accounts, in the order of their ids."""
        found: dict[str, dict[Any, list[int]]] = {key: {} for key in _KEYS}
        for place, row in enumerate(rows):
            for key, value in _values(row):
                found[key].setdefault(value, []).append(place)
        self.by = {key: Values(values, len(rows)) for key, values in found.items()}
        self.owners = [row.owner for row in rows]
        self.unused = bits_of((n for n, row in enumerate(rows) if row.used is None), len(rows))
        self.seen = Moments([row.seen for row in rows])
        self._ends = Moments([row.ends or NEVER for row in rows])
        self._quiet = Moments([row.quiet for row in rows])
        self._unheard = Moments([row.unheard for row in rows])
        self._rows: list[Known | None] = list(rows)
        self._ids = [row.pk for row in rows]
        self._ordered = len(rows)  # ids of the places below this are in order
        self._place = {pk: place for place, pk in enumerate(self._ids)}

    def places(self, ids: Iterable[Any]) -> int:
        """The set of these accounts, as far as there are any."""
        found = (self._place.get(pk.int) for pk in ids)
        return self._set(place for place in found if place is not None)

    def owned(self, people: Collection[tuple[str, str]], subs: Collection[str]) -> int:
        """The accounts of people by issuer and subject, and of subjects whatever their issuer."""
        by_sub, wanted = self.by["sub"], set(people)
        theirs = places_of(by_sub.of(*(sub for _, sub in people)))
        return self._set(n for n in theirs if self.owners[n] in wanted) | by_sub.of(*subs)

    def newest(self, within: int, below: UUID | None, limit: int) -> list[UUID]:
        """The ids of a set, highest first, below one of them."""
        end = (
            self._ordered if below is None else bisect_left(self._ids, below.int, 0, self._ordered)
        )
        top = places_of(within & ((1 << end) - 1))
        late = (self._ordered + place for place in places_of(within >> self._ordered))
        ids = [self._ids[place] for place in late]
        if below is not None:
            ids = [pk for pk in ids if pk < below.int]
        ids += [self._ids[place] for place in islice(top, limit)]
        return [UUID(int=pk) for pk in nlargest(limit, ids)]

    def codes(self, ground: Ground, now: datetime) -> dict[Code, int]:
        """Which accounts stand in which way at a moment: the rules of `standing.of`."""
        state, found = self.by["state"], dict[Code, int]()
        left = state.of(*State.values)

        def take(code: Code, bits: int) -> None:
            nonlocal left
            found[code] = found.get(code, 0) | bits & left
            left &= ~bits

        for code in ENDED:
            take(code, state.of(code))
        take(Code.FROZEN, self._frozen(ground, left))
        for code in (Code.SUSPENDED, Code.NEEDS_RECONNECT):
            take(code, state.of(code))
        take(Code.NEEDS_RECONNECT, self._ends.until(now))
        take(Code.ASLEEP, self._asleep(ground, now, left))
        take(Code.EXPIRING, self._ends.until(now + EXPIRES_SOON))
        take(Code.CONNECTED, left)
        return found

    def _frozen(self, ground: Ground, among: int) -> int:
        services = [name for kind, name in ground.frozen if kind == FrozenKind.SERVICE]
        if EVERYTHING in services:
            return among
        people = [name for kind, name in ground.frozen if kind == FrozenKind.PERSON]
        return self.by["connection"].of(*services) | self.by["sub"].of(*people)

    def _asleep(self, ground: Ground, now: datetime, among: int) -> int:
        asleep = unsure = 0
        for name, setting in ground.settings.items():
            mine = self.by["connection"].of(name) & among
            if setting.hours is not None and not setting.hours.is_open(now):
                asleep |= mine
            elif setting.idle is not None:
                cut = now - setting.idle
                silence = self._unheard if setting.wake == OWNER else self._quiet
                quiet = mine & silence.until(cut)
                asleep |= quiet
                # Uses are told once an hour: whom we heard of in that hour may be awake.
                unsure |= quiet & ~silence.until(cut - _HOUR)
        if unsure and (later := self._used_later(unsure)):
            for row in later:
                self._put(row)
            return self._asleep(ground, now, among)
        return asleep

    def _used_later(self, unsure: int) -> list[Known]:
        rows = [row for place in places_of(unsure) if (row := self._rows[place]) and row.used]
        last = dict(reading.last_uses([UUID(int=row.pk) for row in rows]))
        return [row._replace(used=last[row.pk]) for row in rows if last.get(row.pk) != row.used]

    def update(self, changed: Collection[UUID], rows: Iterable[Known]) -> None:
        """Some accounts changed, and these rows are left of them."""
        left = {row.pk: row for row in rows}
        for pk in changed:
            if row := left.get(pk.int):
                self._put(row)
            elif (place := self._place.pop(pk.int, None)) is not None:
                self._take_out(place)
                self.owners[place] = ("", "")

    def _put(self, row: Known) -> None:
        place = self._place.setdefault(row.pk, len(self._rows))
        if place == len(self._rows):
            self._rows.append(None)
            self._ids.append(row.pk)
            self.owners.append(row.owner)
        self._take_out(place)
        self._rows[place], self.owners[place] = row, row.owner
        for key, value in _values(row):
            self.by[key].add(value, place)
        self.seen.put(place, row.seen)
        self._ends.put(place, row.ends or NEVER)
        self._quiet.put(place, row.quiet)
        self._unheard.put(place, row.unheard)
        if row.used is None:
            self.unused |= 1 << place

    def _take_out(self, place: int) -> None:
        row = self._rows[place]
        if row is not None:
            for key, value in _values(row):
                self.by[key].remove(value, place)
        self.unused &= ~(1 << place)
        self._rows[place] = None

    def _set(self, places: Iterable[int]) -> int:
        return bits_of(places, len(self._rows))

    @property
    def scattered(self) -> int:
        """Accounts that came later and stand in no order."""
        return len(self._ids) - self._ordered


def _values(row: Known) -> Iterator[tuple[str, Any]]:
    yield "state", row.state
    yield "connection", row.connection
    yield "source", row.source
    yield "grant", (row.connection, row.grant)
    yield "sub", row.owner[1]
    for agent in row.agents:
        yield "agent", agent
    for skill in row.skills:
        yield "skill", skill


@dataclass(slots=True)
class _Newest:
    """What this process keeps, and of which moment it is."""

    database: str
    mark: str
    upto: int
    kept: Kept


_lock = threading.Lock()
_newest: _Newest | None = None


@contextmanager
def looking() -> Iterator[Kept | None]:
    """All accounts as they are now, for one look at a time; None where nothing is kept."""
    if connection.in_atomic_block or not journal.is_told():
        yield None
        return
    with _lock:
        yield _now()


def _now() -> Kept | None:
    global _newest
    database = str(connection.settings_dict["NAME"])
    had = _newest if _newest and _newest.database == database else None
    told = journal.read(had.upto if had else _NOTHING)
    if told is None:
        return None
    if had and had.mark == told.mark and len(told.accounts) <= _AGAIN >= had.kept.scattered:
        if told.accounts:
            had.kept.update(told.accounts, reading.these(told.accounts))
        had.upto = told.upto
        return had.kept
    _newest = None
    if ConnectedAccount.objects.count() > MOST:
        return None
    _newest = _Newest(database, told.mark, told.upto, Kept(reading.every()))
    return _newest.kept


def forget() -> None:
    """Read all accounts anew at the next look."""
    global _newest
    with _lock:
        _newest = None


_NOTHING: Final = 2**62  # no number is behind it: a first look asks for the beginning alone
