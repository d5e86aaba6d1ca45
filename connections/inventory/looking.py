"""One page of the inventory: counts, facets and grouped rows under a query."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from uuid import UUID

from django.core.cache import cache
from django.db.models import Q, prefetch_related_objects

from audit.actor import Actor
from connections import grounds, overview, scopes, standing
from connections.inventory import counting, grouping, matching
from connections.inventory import people as persons
from connections.inventory.asking import SHOWS, UNNAMED, Place, Query
from connections.inventory.counting import Counts, How, Tally
from connections.inventory.fitting import Fit, is_idle
from connections.inventory.grouping import NOBODY, Bucket, Slice
from connections.inventory.matching import Conditions, Owners
from connections.inventory.people import People
from connections.models import ConnectedAccount, ConnectionSetting
from connections.overview import Card
from connections.standing import Ground

PAGE = 50
SHOWN = 8
"""Values of a long facet that are shown."""
MANY = 2_000
"""Accounts whose owners and users are counted one by one."""
_KEPT_S = 30  # which connection is of which service changes with the tenant's own settings
_FEW = 500  # people that are looked up one by one


@dataclass(frozen=True, slots=True)
class Row:
    """One account with its owner and how its scopes fit what manifests need."""

    card: Card
    who: str  # the owner as people know them
    fit: Fit
    idle: bool

    @property
    def account(self) -> ConnectedAccount:
        """The account itself."""
        return self.card.account


@dataclass(frozen=True, slots=True)
class Group:
    """What one page shows of the accounts that belong together; `count` is of all of them."""

    title: str
    count: int
    rows: tuple[Row, ...]
    resumed: bool

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
        people: how many owners the matching accounts have; None where nobody counted, since there
            are more than MANY accounts.
        facets: accounts by value, for each key of the query, the key's own filter left aside;
            owners only where they were counted.
        titles: what to call an owner or a connection in a facet.
        cut: the search by words took only the first `matching.FOUND` accounts.
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


def look(actor: Actor, query: Query, now: datetime, *, size: int = PAGE) -> Inventory:
    """The inventory under a query; a fixed number of database queries for any number of rows."""
    asked = ask(actor, query, now)
    few = asked.tight or asked.tally.total() <= MANY
    owners = counting.owners(asked.told.all(but=["owner"])) if few else {}
    how = {key: _how(asked, key) for key in ("agent", "skill")}
    used = counting.users(asked.told, how)
    people = _all_people(owners) if few and query.group == "person" else {}
    if query.group == "person" and not few:
        buckets = persons.walk(asked.told.all(), query.after, size)
    else:
        buckets = _from(query.after, _buckets(asked, used["agent"], owners, people))
    page = grouping.page(query.group, buckets, asked.told, query.after, size)
    accounts = page.accounts
    prefetch_related_objects(accounts, "uses")
    facets = _facets(asked.tally, owners, used)
    named = {account.sub for account in accounts}
    named |= set(asked.owners.subs) if asked.owners else set()
    named |= {sub for sub, _ in facets["owner"].most_common(SHOWN)}
    people = people or persons.titles(Q(sub__in=named))
    rows = {account.pk: _row(account, actor, asked, people) for account in accounts}
    return Inventory(
        counts=asked.tally.tiles(),
        groups=tuple(_group(part, rows) for part in page.slices),
        total=asked.tally.total(),
        people=len(_mine(asked, owners)) if few else None,
        facets=facets,
        titles={sub: who for (_, sub), who in people.items()},
        loose=frozenset(key for key, way in how.items() if way is How.ALL),
        next=page.next,
        cut=asked.cut,
    )


@dataclass(frozen=True, slots=True)
class Asked:
    """A query with what had to be read to answer it."""

    query: Query
    tally: Tally
    told: Conditions
    ground: Ground
    now: datetime
    owners: Owners | None  # that the query asks for
    tight: bool  # it asks for few accounts by words, or by what the asking person may see
    cut: bool


def ask(
    actor: Actor, query: Query, now: datetime, *, within: Q | None = None, every: bool = False
) -> Asked:
    """Read the cells of a query; three queries, and two more for a search by words.

    Args:
        within: what the asking person may see; None is everything.
        every: take every account that the words fit, however many.
    """
    found = matching.find_every(query.q) if every else matching.find(query.q)
    owners = matching.owners_of(query.values("owner"), actor.sub)
    ground = grounds.now()
    say = partial(
        matching.conditions, query, now=now, ground=ground, found=found, owners=owners,
        within=within,
    )  # fmt: skip
    told = say({})
    base = told.all(but=["state", "connection", "source", *_shows(query)])
    cells = tuple(counting.cells(base, ground, now))
    tally = Tally(cells, counting.fits_of(cells), query)
    told = say(tally.fits)
    tight = found is not None or within is not None or owners is not None
    return Asked(query, tally, told, ground, now, owners, tight, found is not None and found.more)


def _how(asked: Asked, key: str) -> How:
    """The cheapest way to count the users of what matches."""
    query, other = asked.query, {"agent": "skill", "skill": "agent"}[key]
    if asked.tight or query.values(other):
        return How.DIRECT
    if not any(query.values(name) for name in ("state", "connection", "source", "show")):
        return How.REST
    if query.group == key:
        return How.DIRECT  # the groups of a page are counted exactly
    few = asked.tally.total() <= MANY and not query.values(key)
    return How.DIRECT if few else How.ALL


def _shows(query: Query) -> list[str]:
    return [f"show={value}" for value in query.values("show")]


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


def _mine(asked: Asked, owners: Mapping[tuple[str, str], int]) -> dict[tuple[str, str], int]:
    """The owners that the query's own filter of owners leaves."""
    if asked.owners is None:
        return dict(owners)
    return {key: n for key, n in owners.items() if key[1] in asked.owners.subs}


def _from(after: Place | None, buckets: list[Bucket]) -> list[Bucket]:
    return [bucket for bucket in buckets if after is None or bucket.sort >= after.sort]


def _buckets(
    asked: Asked, agents: Counter[str], owners: Mapping[tuple[str, str], int], people: People
) -> list[Bucket]:
    if asked.query.group == "agent":
        found = list(_agents(asked, agents))
    elif asked.query.group == "person":
        return persons.buckets_of(_mine(asked, owners), people)
    else:
        found = _services(asked)
    return sorted(found, key=lambda bucket: bucket.sort)


def _agents(asked: Asked, agents: Counter[str]) -> Iterable[Bucket]:
    wanted = ["" if v == UNNAMED else v for v in asked.query.values("agent")]
    for name, count in agents.items():
        if not wanted or name in wanted:
            title = name or UNNAMED
            yield Bucket(((name,),), title, count, ("0", title.casefold(), name))
    if not wanted and not asked.query.values("skill") and (count := asked.tally.unseen()):
        yield Bucket(((NOBODY,),), "Not seen in use", count, ("1",))


def _services(asked: Asked) -> list[Bucket]:
    """One bucket a connection; a service may have several."""
    counts = asked.tally.by("connection")
    wanted = asked.query.values("connection")
    names = [name for name, n in counts.items() if n and (not wanted or name in wanted)]
    if asked.query.group == "connection":
        return [Bucket(((n,),), scopes.title(n), counts[n], (n,)) for n in names]
    strategies = cache.get_or_set("connections:strategies", _strategies, _KEPT_S) or {}
    services: dict[str, list[str]] = {}
    for name in sorted(names):
        strategy = strategies.get(name, "")
        known = scopes.title(strategy) if scopes.title(strategy) != strategy else ""
        services.setdefault(known or scopes.title(name), []).append(name)
    return [
        Bucket(
            tuple((name,) for name in some),
            title,
            sum(counts[name] for name in some),
            (title.casefold(), title),
        )
        for title, some in services.items()
    ]


def _strategies() -> dict[str, str]:
    found = ConnectionSetting.objects.exclude(strategy="")
    return dict(found.values_list("name", "strategy"))


def _row(account: ConnectedAccount, actor: Actor, asked: Asked, people: People) -> Row:
    return Row(
        card=overview.card(account, actor, standing.of(account, asked.ground, asked.now)),
        who=people.get((account.iss, account.sub), account.sub),
        fit=asked.tally.fits.get((account.connection, account.grant), Fit((), ())),
        idle=is_idle(account, asked.now),
    )


def _group(part: Slice, rows: Mapping[UUID, Row]) -> Group:
    shown = tuple(rows[account.pk] for account in part.rows)
    return Group(part.bucket.title, part.bucket.count, shown, part.resumed)
