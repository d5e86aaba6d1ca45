"""Counts of the inventory: one pass over an index, however many facets there are.

Accounts that stand alike, of the same connection, source and grant, seen in use alike, are one
cell. There are some hundred cells in a company of fifty thousand accounts, and every facet is a sum
over them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any

from django.db.models import Case, CharField, Count, F, Min, Q, QuerySet, Value, When
from django.db.models.expressions import Combinable
from django.db.models.functions import Cast

from connections.inventory.account_filters import Conditions, Fits
from connections.inventory.declared_fit import Fit, declared_scopes, fit, idle_before, idle_where
from connections.inventory.query_parameters import Query
from connections.models import NOT_HELD, ConnectedAccount, Use
from connections.status import state_filters
from connections.status.account_status import ENDED, USABLE, Code, Ground


@dataclass(frozen=True, slots=True)
class Cell:
    """How many accounts are alike."""

    state: str  # as `connections.status.account_status` tells it
    connection: str
    source: str
    grant: str
    idle: bool
    unseen: bool
    count: int

    def shows(self, fits: Fits) -> frozenset[str]:
        """The values of `show` that hold for them."""
        if self.state in ENDED:
            return frozenset()
        found = fits[self.connection, self.grant]
        derived = {
            "excess": found.excess,
            "missing": found.missing,
            "idle": self.idle,
            "unseen": self.unseen,
        }
        return frozenset(name for name, holds in derived.items() if holds)


def cells(where: Q, ground: Ground, now: datetime) -> list[Cell]:
    """All cells of the accounts under a condition; one query.

    Most accounts stand as their row says. All are counted by their rows' states in the order of an
    index, and those that stand otherwise once more, to be moved to where they belong.
    """
    cut = idle_before(now)
    idle, unused = idle_where(cut), Q(used_on=None)
    old, silent = idle & ~unused, idle & unused
    rows = ConnectedAccount.objects.filter(where).order_by()

    def counted(
        found: QuerySet[ConnectedAccount], stands: Combinable
    ) -> QuerySet[ConnectedAccount, Any]:
        return (
            found.annotate(derived=stands)
            .values_list("state", "derived", "connection", "source", "grant")
            .annotate(n=Count("*"), used=Count("used_on"), old=_number(old), silent=_number(silent))
        )

    kept = counted(rows, Value("", CharField()))
    turned = rows.filter(state_filters.may_stand_otherwise(ground, now))
    turned = turned.annotate(stands=state_filters.code_of(ground, now)).exclude(stands=F("state"))
    return list(_split(kept.union(counted(turned, F("stands")), all=True)))


def usable(found: Iterable[Cell]) -> int:
    """How many of these accounts give agents tokens: not those that are frozen or suspended."""
    return sum(cell.count for cell in found if cell.state in USABLE)


def usable_by_agents(ground: Ground, now: datetime) -> tuple[int, int]:
    """How many accounts give agents tokens, and of how many people; one query."""
    rows = ConnectedAccount.objects.filter(state_filters.stands_as(USABLE, ground, now))
    found = rows.aggregate(accounts=Count("pk"), people=Count("sub", distinct=True))
    return found["accounts"], found["people"]


def headline(accounts: int, people: int) -> str:
    """The answer of Home and of the list of accounts."""
    if not accounts:
        return "Agents get no new token of any account"
    whose = "1 person" if people == 1 else f"{people:,} people"
    return f"Agents can use {accounts:,} account{'' if accounts == 1 else 's'} of {whose}"


def _number(where: Q) -> Count:
    # A filtered count says the same; SQLite counts it twice as slowly.
    return Count(Case(When(where, then=Value(1))))


def _split(rows: Iterable[tuple[Any, ...]]) -> Iterator[Cell]:
    """Cells, the moved ones taken off those that their rows' states would put them into."""
    counts = Counter[tuple[str, str, str, str, bool, bool]]()
    for state, derived, connection, source, grant, n, seen, old, silent in rows:
        parts = (  # idle, unseen
            (False, False, seen - old),
            (True, False, old),
            (False, True, n - seen - silent),
            (True, True, silent),
        )
        for is_idle, is_unseen, count in parts:
            counts[derived or state, connection, source, grant, is_idle, is_unseen] += count
            if derived:
                counts[state, connection, source, grant, is_idle, is_unseen] -= count
    for key, count in counts.items():
        if count:
            yield Cell(*key, count)


_scopes: dict[str, tuple[str, ...]] = {}  # by digest, which names them for good


def fits_of(found: Iterable[tuple[str, str]]) -> dict[tuple[str, str], Fit]:
    """How each grant (connection, digest) fits; three queries, one where all were seen before."""
    pairs, declared = set(found), declared_scopes()
    grants = {grant for _, grant in pairs}
    if grants - _scopes.keys():
        if len(_scopes) > _REMEMBERED:
            _scopes.clear()
        _scopes.update(_read_scopes(grants - _scopes.keys()))
    return {
        (connection, grant): fit(connection, _scopes.get(grant, ()), declared)
        for connection, grant in pairs
    }


def _read_scopes(grants: Collection[str]) -> dict[str, tuple[str, ...]]:
    """The scopes of each grant, read from one account that has it."""
    same = ConnectedAccount.objects.filter(grant__in=grants).order_by().values_list("grant")
    samples = [sample for _, sample in same.annotate(sample=Min(Cast("id", CharField())))]
    rows = ConnectedAccount.objects.filter(pk__in=samples).values_list("grant", "scopes")
    return {grant: tuple(scopes) for grant, scopes in rows}


_REMEMBERED = 20_000


@dataclass(frozen=True, slots=True)
class Counts:
    """The tiles: over what is searched for, whatever else narrows it."""

    live: int = 0
    idle: int = 0
    unseen: int = 0
    excess: int = 0
    reconnect: int = 0
    finishing: int = 0


class Tally:
    """Cells under the filters that are no cell's own, and how many each facet's value has."""

    def __init__(self, cells: Iterable[Cell], fits: Fits, query: Query) -> None:
        self.fits, self.query = fits, query
        self.rows = [(cell, cell.shows(fits)) for cell in cells]
        self._wanted = {key: frozenset(query.values(key)) for key in _OWN}
        self._shows = frozenset(query.values("show"))
        self._matching = list(self._under(""))

    def total(self) -> int:
        """How many accounts match the whole query."""
        return self._sum(self._shows)

    def by(self, key: str) -> Counter[str]:
        """Accounts by the values of state, connection or source, its own filter left aside."""
        found = Counter[str]()
        for cell, shows in self._under(key):
            if self._shows <= shows:
                found[getattr(cell, key)] += cell.count
        return found

    def with_show(self, value: str) -> int:
        """How many match with one more condition."""
        return self._sum(self._shows | {value})

    def unseen(self) -> int:
        """How many matching accounts nobody was seen using."""
        found = (cell for cell, shows in self._matching if cell.unseen and self._shows <= shows)
        return sum(cell.count for cell in found)

    def _sum(self, wanted: frozenset[str]) -> int:
        return sum(cell.count for cell, shows in self._matching if wanted <= shows)

    def _under(self, but: str) -> Iterator[tuple[Cell, frozenset[str]]]:
        """Cells that fit the filters of state, connection and source, one of them left aside."""
        wanted = self._wanted | ({but: frozenset()} if but else {})
        states, connections, sources = (wanted[key] for key in _OWN)
        for row in self.rows:
            cell = row[0]
            if (
                (cell.state in states if states else but == "state" or cell.state not in NOT_HELD)
                and (not connections or cell.connection in connections)
                and (not sources or cell.source in sources)
            ):
                yield row

    def tiles(self) -> Counts:
        """The tiles."""
        states, shown = Counter[str](), Counter[str]()
        for cell, shows in self.rows:
            states[cell.state] += cell.count
            for show in shows:
                shown[show] += cell.count
        return Counts(
            live=usable(cell for cell, _ in self.rows),
            idle=shown["idle"],
            unseen=shown["unseen"],
            excess=shown["excess"],
            reconnect=states[Code.NEEDS_RECONNECT],
            finishing=states[Code.REVOCATION_PENDING],
        )


_OWN = ("state", "connection", "source")


def owners(where: Q) -> dict[tuple[str, str], int]:
    """How many accounts each owner has under a condition."""
    rows = ConnectedAccount.objects.filter(where).order_by().values_list("iss", "sub")
    return {(iss, sub): n for iss, sub, n in rows.annotate(n=Count("*"))}


class How(Enum):
    """How the users of accounts are counted."""

    DIRECT = "from the accounts that match"
    REST = "all, less those of accounts that do not match"
    ALL = "of all accounts, since counting those of many would take long"


def users(conditions: Conditions, how: Mapping[str, How]) -> dict[str, Counter[str]]:
    """How many accounts each agent and each component used (the keys of `how`); one query."""
    parts: list[QuerySet[Use, tuple[str, str, int]]] = []
    for key, way in how.items():
        where = conditions.all(but=[key])
        if way is How.DIRECT:
            parts.append(_used(key, 1, Use.objects.filter(account__in=_ids(where))))
            continue
        parts.append(_all_used(key))
        if way is How.REST:
            parts.append(_used(key, -1, Use.objects.filter(account__in=_ids(~where))))
    found: dict[str, Counter[str]] = {key: Counter() for key in how}
    for key, name, n in parts[0].union(*parts[1:], all=True):
        found[key][name] += n
    return {key: +counts for key, counts in found.items()}


def _ids(where: Q) -> QuerySet[ConnectedAccount, Any]:
    return ConnectedAccount.objects.filter(where).order_by().values("pk")


def _all_used(key: str) -> QuerySet[Use, tuple[str, str, int]]:
    """The same of all accounts there are, from an index that has each of them once."""
    firsts = Use.objects.filter(**{f"first_of_{key}": True})
    named = firsts.order_by().annotate(what=Value(key, CharField())).values_list("what", key)
    return named.annotate(n=Count("*"))


def _used(key: str, sign: int, uses: QuerySet[Use]) -> QuerySet[Use, tuple[str, str, int]]:
    return (
        uses.order_by()
        .annotate(what=Value(key, CharField()))
        .values_list("what", key)
        .annotate(n=Count("account", distinct=True) * Value(sign))
    )
