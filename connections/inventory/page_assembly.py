"""One page of the inventory: counts, facets and grouped rows under a query."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from uuid import UUID

from django.core.cache import cache
from django.db.models import Q, prefetch_related_objects

from audit.recording.actors import Actor
from connections.inventory import account_filters, facet_counts, groups
from connections.inventory import groups_by_owner as persons
from connections.inventory.account_filters import Conditions, Found, Owners
from connections.inventory.declared_fit import Fit, is_idle
from connections.inventory.facet_counts import Counts, How, Tally
from connections.inventory.groups import NOBODY, Bucket, Slice
from connections.inventory.groups_by_owner import Called, People
from connections.inventory.query_parameters import SHOWS, UNNAMED, Place, Query
from connections.models import ConnectedAccount, ConnectionSetting
from connections.scopes import catalogue
from connections.status import account_status, member_overview, state_filters
from connections.status.account_status import Ground
from connections.status.member_overview import Card

_KEPT_S = 30  # which connection is of which service changes with the tenant's own settings
MANY = 2_000
"""Accounts whose owners and users the database counts one by one."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A query with what had to be read to answer it.

    Attributes:
        found, owners: what its words and its owners came to.
    """

    query: Query
    tally: Tally
    conditions: Conditions
    ground: Ground
    now: datetime
    found: Found | None
    owners: Owners | None

    @property
    def few(self) -> bool:
        """Whether so few accounts match that their owners and users are counted one by one."""
        return self.tight or self.tally.total() <= MANY

    @property
    def tight(self) -> bool:
        """Whether words or owners narrow it, so that an index finds the accounts."""
        return self.found is not None or self.owners is not None


def ask(
    actor: Actor, query: Query, now: datetime, *, within: Q | None = None, every: bool = False
) -> Asked:
    """Read the cells of a query; three queries, and two more for a search by words.

    Args:
        within: what the asking person may see; None is everything.
        every: take every account that the words fit, however many.
    """
    ground = state_filters.now()
    found = account_filters.find_every(query.q) if every else account_filters.find(query.q)
    owners = account_filters.owners_of(query.values("owner"), actor.sub)
    say = partial(
        account_filters.conditions, query, now=now, ground=ground, within=within, found=found,
        owners=owners,
    )  # fmt: skip
    shows = [f"show={value}" for value in query.values("show")]
    base = say({}).all(but=["state", "connection", "source", *shows])
    cells = tuple(facet_counts.cells(base, ground, now))
    fits = facet_counts.fits_of({(cell.connection, cell.grant) for cell in cells})
    return Asked(query, Tally(cells, fits, query), say(fits), ground, now, found, owners)


def _count_owners(asked: Asked) -> dict[tuple[str, str], int] | None:
    """Accounts by owner, the query's own filter of owners left aside; None where too many match."""
    return facet_counts.owners(asked.conditions.all(but=["owner"])) if asked.few else None


def _count_users(asked: Asked) -> tuple[dict[str, Counter[str]], frozenset[str]]:
    """Accounts by agent and by component, and which of the two are of all accounts instead of those
    that match."""
    how = {key: _how(asked, key) for key in ("agent", "skill")}
    loose = frozenset(key for key, way in how.items() if way is How.ALL)
    return facet_counts.users(asked.conditions, how), loose


def _how(asked: Asked, key: str) -> How:
    """The cheapest way to count the users of what matches."""
    query, other = asked.query, {"agent": "skill", "skill": "agent"}[key]
    if asked.tight or query.values(other):
        return How.DIRECT
    if not any(query.values(name) for name in ("state", "connection", "source", "show")):
        return How.REST
    if query.group == key:
        return How.DIRECT  # the groups of a page are counted exactly
    return How.DIRECT if asked.few and not query.values(key) else How.ALL


PAGE = 50
SHOWN = 8
"""Values of a long facet that are shown."""
_FEW = 500  # people that are looked up one by one


@dataclass(frozen=True, slots=True)
class Row:
    """One account with its owner and how its scopes fit what manifests need."""

    card: Card
    who: str  # the owner's name; without one the e-mail address or subject
    email: str  # the owner's e-mail address where `who` is another name
    fit: Fit
    idle: bool

    @property
    def account(self) -> ConnectedAccount:
        """The account itself."""
        return self.card.account


@dataclass(frozen=True, slots=True)
class Group:
    """What one page shows of the accounts that belong together; `count` is of all of them.

    Attributes:
        frozen: it is of an agent that gets no new token of any account.
        detail: the e-mail address of the owner whose group it is.
    """

    title: str
    count: int
    rows: tuple[Row, ...]
    resumed: bool
    frozen: bool
    detail: str

    @property
    def people(self) -> int:
        """How many owners its rows have."""
        return len({(row.account.iss, row.account.sub) for row in self.rows})

    @property
    def agents(self) -> int:
        """How many components or agents used one of its rows."""
        return len({name for row in self.rows for name in row.card.used_by})

    @property
    def whole(self) -> bool:
        """Whether all of its accounts are on this page."""
        return len(self.rows) == self.count


@dataclass(frozen=True, slots=True)
class Inventory:
    """One page of it.

    Attributes:
        people: how many owners the matching accounts have; None where nobody counted, since the
            database has more than MANY of them.
        facets: accounts by value, for each key of the query, the key's own filter left aside;
            owners only where they were counted.
        titles: what to call an owner or a connection in a facet.
        cut: the search by words took only the first `matching.FOUND` accounts.
        ground: settings and freezes in force, also which agents get no new token.
    """

    counts: Counts
    groups: tuple[Group, ...]
    total: int
    people: int | None
    facets: Mapping[str, Counter[str]]
    titles: Mapping[str, str]
    loose: frozenset[str]  # facets that are of all accounts and not of those that match
    next: Place | None
    cut: bool
    ground: Ground

    @property
    def frozen_agents(self) -> frozenset[str]:
        """Names of agents that get no new token."""
        return self.ground.frozen_agents


def look(actor: Actor, query: Query, now: datetime, *, size: int = PAGE) -> Inventory:
    """The inventory under a query; a fixed number of database queries for any number of rows."""
    asked = ask(actor, query, now)
    total, owners = asked.tally.total(), _count_owners(asked)
    used, loose = _count_users(asked)
    mine = _mine(asked, owners) if owners is not None else None
    people: People = {}
    if query.group != "person":
        buckets = _from(query.after, _buckets(asked, used["agent"]))
    elif mine is None or total > MANY:
        buckets = persons.walk(asked.conditions.all(), query.after, size)
    else:
        people = _all_people(owners or {})
        buckets = _from(query.after, persons.buckets_of(mine, people))
    page = groups.page(groups.reader(query.group, asked.conditions), buckets, query.after, size)
    accounts = {one.id: one for one in page.accounts}
    prefetch_related_objects(list(accounts.values()), "uses")
    facets = _facets(asked.tally, owners or {}, used)
    named = {account.sub for account in accounts.values()}
    named |= asked.owners.subs if asked.owners else frozenset()
    named |= {sub for sub, _ in facets["owner"].most_common(SHOWN)}
    people = people or persons.titles(Q(sub__in=named))
    rows = {pk: _row(account, actor, asked, people) for pk, account in accounts.items()}
    frozen = asked.ground.frozen_agents if query.group == "agent" else frozenset()
    return Inventory(
        counts=asked.tally.tiles(),
        groups=tuple(_group(part, rows, frozen) for part in page.slices),
        total=total,
        people=None if mine is None else len(mine),
        facets=facets,
        titles={sub: who.name for (_, sub), who in people.items()},
        loose=loose,
        next=page.next,
        cut=asked.found is not None and asked.found.more,
        ground=asked.ground,
    )


def _facets(
    tally: Tally, owners: Mapping[tuple[str, str], int], used: Mapping[str, Counter[str]]
) -> dict[str, Counter[str]]:
    by_owner = Counter[str]()
    for (_, sub), n in owners.items():
        by_owner[sub] += n
    return {
        "state": tally.by("state"),
        "show": Counter({value: tally.with_show(value) for value in SHOWS}),
        "connection": tally.by("connection"),
        "owner": by_owner,
        "agent": used["agent"],
        "skill": used["skill"],
        "source": tally.by("source"),
    }


def _all_people(owners: Mapping[tuple[str, str], int]) -> People:
    return persons.titles(
        ~Q(sub="") if len(owners) > _FEW else Q(sub__in={sub for _, sub in owners})
    )


def _mine(asked: Asked, owners: Mapping[tuple[str, str], int]) -> Mapping[tuple[str, str], int]:
    """The owners that the query's own filter of owners leaves."""
    if asked.owners is None:
        return owners
    return {key: n for key, n in owners.items() if key[1] in asked.owners.subs}


def _from(after: Place | None, buckets: list[Bucket]) -> list[Bucket]:
    return [bucket for bucket in buckets if after is None or bucket.sort >= after.sort]


def _buckets(asked: Asked, agents: Mapping[str, int]) -> list[Bucket]:
    query, tally = asked.query, asked.tally
    found = _agents(query, tally, agents) if query.group == "agent" else _services(query, tally)
    return sorted(found, key=lambda bucket: bucket.sort)


def _agents(query: Query, tally: Tally, agents: Mapping[str, int]) -> Iterable[Bucket]:
    wanted = ["" if v == UNNAMED else v for v in query.values("agent")]
    for name, count in agents.items():
        if not wanted or name in wanted:
            title = name or UNNAMED
            yield Bucket(((name,),), title, count, ("0", title.casefold(), name))
    if not wanted and not query.values("skill") and (count := tally.unseen()):
        yield Bucket(((NOBODY,),), "Not seen in use", count, ("1",))


def _strategies() -> dict[str, str]:
    return dict(ConnectionSetting.objects.values_list("name", "strategy"))


def _services(query: Query, tally: Tally) -> Iterable[Bucket]:
    """One bucket a connection; a service may have several."""
    counts = tally.by("connection")
    wanted = query.values("connection")
    names = [name for name, n in counts.items() if n and (not wanted or name in wanted)]
    if query.group == "connection":
        return [Bucket(((n,),), catalogue.title(n), counts[n], (n,)) for n in names]
    strategies: dict[str, str] = (
        cache.get_or_set("connections:strategies", _strategies, _KEPT_S) or {}
    )
    services: dict[str, list[str]] = {}
    for name in sorted(names):
        strategy = strategies.get(name, "")
        known = catalogue.title(strategy) if catalogue.title(strategy) != strategy else ""
        services.setdefault(known or catalogue.title(name), []).append(name)
    return [
        Bucket(
            tuple((name,) for name in some),
            title,
            sum(counts[name] for name in some),
            (title.casefold(), title),
        )
        for title, some in services.items()
    ]


def _row(account: ConnectedAccount, actor: Actor, asked: Asked, people: People) -> Row:
    who = people.get((account.iss, account.sub), Called(account.sub, "", account.sub))
    return Row(
        card=member_overview.card(
            account, actor, account_status.of(account, asked.ground, asked.now)
        ),
        who=who.name,
        email=who.email,
        fit=asked.tally.fits.get((account.connection, account.grant), Fit((), ())),
        idle=is_idle(account, asked.now),
    )


def _group(part: Slice, rows: Mapping[UUID, Row], frozen: Collection[str]) -> Group:
    shown = tuple(rows[one.id] for one in part.rows if one.id in rows)
    stopped = any(name in frozen for name, *_ in part.bucket.keys)
    bucket = part.bucket
    return Group(bucket.title, bucket.count, shown, part.resumed, stopped, bucket.detail)
