"""Everybody's connections: counts, filters and groups for admins and auditors."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import groupby

from django.db.models import Q, QuerySet

from approvals.models import Person
from audit.actor import Actor
from connections import grounds, overview, scopes
from connections.models import ConnectedAccount, ManifestNeed, State
from connections.overview import Card
from connections.standing import Code, Ground

PAGE = 100
IDLE = timedelta(days=90)
SHOWS = ("idle", "excess")
_LIVE = (State.CONNECTED, State.NEEDS_RECONNECT, State.SUSPENDED)


@dataclass(frozen=True, slots=True)
class Filter:
    """What is looked for; empty shows everything that is not revoked."""

    state: str = ""
    connection: str = ""
    show: str = ""
    q: str = ""
    page: int = 1

    @classmethod
    def parse(cls, given: Mapping[str, str]) -> Filter:
        """From a query string; what makes no sense is left out."""
        state, show, page = given.get("state", ""), given.get("show", ""), given.get("page", "1")
        return cls(
            state=state if state in Code else "",
            connection=given.get("connection", "")[:128],
            show=show if show in SHOWS else "",
            q=given.get("q", "").strip()[:100],
            page=int(page) if page.isdigit() and 0 < int(page) < 100_000 else 1,
        )

    @property
    def narrowed(self) -> int:
        """How many filters are on."""
        return sum(map(bool, (self.state, self.connection, self.show, self.q)))


@dataclass(frozen=True, slots=True)
class Row:
    """One account with its owner; `excess` are scopes that no manifest asks for."""

    card: Card
    owner: Person | None
    excess: tuple[str, ...]
    idle: bool

    @property
    def account(self) -> ConnectedAccount:
        """The account itself."""
        return self.card.account

    @property
    def who(self) -> str:
        """The owner as people know them."""
        person = self.owner
        return (person.email or person.name or person.sub) if person else self.account.sub


@dataclass(frozen=True, slots=True)
class Group:
    """The accounts of one connection."""

    connection: str
    title: str
    rows: tuple[Row, ...]

    @property
    def people(self) -> int:
        """How many owners are in this group."""
        return len({(row.account.iss, row.account.sub) for row in self.rows})

    @property
    def agents(self) -> int:
        """How many components or agents used one of them."""
        return len({name for row in self.rows for name in row.card.used_by})


@dataclass(frozen=True, slots=True)
class Counts:
    """The tiles."""

    live: int = 0
    idle: int = 0
    excess: int = 0
    reconnect: int = 0
    finishing: int = 0


@dataclass(frozen=True, slots=True)
class Inventory:
    """One page of it."""

    counts: Counts
    groups: tuple[Group, ...]
    total: int
    states: Mapping[str, int] = field(default_factory=dict)
    connections: Mapping[str, int] = field(default_factory=dict)
    more: bool = False


def look(actor: Actor, wanted: Filter, now: datetime) -> Inventory:
    """The inventory under a filter. Counts and facets are over everything not revoked."""
    declared, ground = declared_scopes(), grounds.now()
    standing = list(ConnectedAccount.objects.exclude(state=State.REVOKED).defer("state_reason"))
    states = grounds.counted(ConnectedAccount.objects.exclude(state=State.REVOKED), ground, now)
    matching = _matching(wanted, ground, now)
    if wanted.show:
        by_use = wanted.show == "idle"
        ids = [a.pk for a in standing if (is_idle(a, now) if by_use else _has_excess(a, declared))]
        matching = matching.filter(pk__in=ids)
    total = matching.count()
    first = (wanted.page - 1) * PAGE
    page = list(matching.prefetch_related("uses")[first : first + PAGE])
    return Inventory(
        counts=_counts(standing, states, declared, now),
        groups=_groups(page, actor, declared, now),
        total=total,
        states=states,
        connections=Counter(a.connection for a in standing),
        more=total > first + PAGE,
    )


def _matching(wanted: Filter, ground: Ground, now: datetime) -> QuerySet[ConnectedAccount]:
    found = ConnectedAccount.objects.order_by("connection", "sub", "id")
    if wanted.state:
        found = grounds.standing_as(found, wanted.state, ground, now)
    else:
        found = found.exclude(state=State.REVOKED)
    if wanted.connection:
        found = found.filter(connection=wanted.connection)
    if wanted.q:
        people = Person.objects.filter(Q(name__icontains=wanted.q) | Q(email__icontains=wanted.q))
        subs = list(people.values_list("sub", flat=True))
        found = found.filter(Q(sub__in=subs) | Q(label__icontains=wanted.q) | Q(sub=wanted.q))
    return found


def declared_scopes() -> dict[str, set[str]]:
    """The scopes that manifests declare, by connection."""
    declared: dict[str, set[str]] = {}
    for connection, names in ManifestNeed.objects.values_list("connection", "scopes"):
        declared.setdefault(connection, set()).update(names)
    return declared


def excess_of(account: ConnectedAccount, declared: Mapping[str, set[str]]) -> tuple[str, ...]:
    """The scopes of an account that no manifest declares."""
    return tuple(s for s in account.scopes if s not in declared.get(account.connection, set()))


def _has_excess(account: ConnectedAccount, declared: Mapping[str, set[str]]) -> bool:
    return account.state in _LIVE and bool(excess_of(account, declared))


def is_idle(account: ConnectedAccount, now: datetime) -> bool:
    """Not seen in use for 90 days; silence before we watched says nothing."""
    since = account.last_used_at or account.watched_since
    return account.state in _LIVE and since < now - IDLE


def _counts(
    accounts: Iterable[ConnectedAccount],
    states: Mapping[str, int],
    declared: Mapping[str, set[str]],
    now: datetime,
) -> Counts:
    rows = list(accounts)
    return Counts(
        live=states.get(Code.CONNECTED, 0) + states.get(Code.EXPIRING, 0),
        idle=sum(is_idle(a, now) for a in rows),
        excess=sum(_has_excess(a, declared) for a in rows),
        reconnect=states.get(Code.NEEDS_RECONNECT, 0),
        finishing=states.get(Code.REVOCATION_PENDING, 0),
    )


def _groups(
    page: Sequence[ConnectedAccount],
    actor: Actor,
    declared: Mapping[str, set[str]],
    now: datetime,
) -> tuple[Group, ...]:
    people = {(p.iss, p.sub): p for p in Person.objects.filter(sub__in={a.sub for a in page})}
    standings = grounds.of_all(page)
    rows = (
        Row(
            card=overview.card(account, actor, standings[account]),
            owner=people.get((account.iss, account.sub)),
            excess=excess_of(account, declared),
            idle=is_idle(account, now),
        )
        for account in page
    )
    return tuple(
        Group(connection, scopes.title(connection), tuple(found))
        for connection, found in groupby(rows, key=lambda row: row.account.connection)
    )
