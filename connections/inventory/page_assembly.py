"""One page of the inventory: counts, facets and grouped rows under a query."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.core.cache import cache
from django.db.models import Q, prefetch_related_objects

from audit.recording.actors import Actor
from connections.inventory import aggregates, groups
from connections.inventory import owner_groups as persons
from connections.inventory.aggregates import Answer, Wanted
from connections.inventory.declared_fit import Fit, is_idle
from connections.inventory.facet_counts import Counts
from connections.inventory.groups import NOBODY, Bucket, Slice
from connections.inventory.owner_groups import People
from connections.inventory.query_parameters import SHOWS, UNNAMED, Place, Query
from connections.models import ConnectedAccount, ConnectionSetting
from connections.scopes import catalogue
from connections.status import account_status, member_overview
from connections.status.member_overview import Card

PAGE = 50
SHOWN = 8
"""Values of a long facet that are shown."""
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
        people: how many owners the matching accounts have; None where nobody counted, since the
            database has more than MANY of them.
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
    wanted = Wanted.of(actor, query, now)
    answer = aggregates.answer(wanted)
    total = answer.sums.total()
    people: People = {}
    if query.group != "person":
        buckets = _from(query.after, _buckets(wanted, answer))
    elif answer.owners is None or total > aggregates.MANY:
        buckets = persons.walk(answer.where(), query.after, size)
    else:
        people = _all_people(answer.owners)
        buckets = _from(query.after, persons.buckets_of(_mine(wanted, answer.owners), people))
    page = groups.page(answer.read, buckets, query.after, size)
    accounts = {one.id: one for one in page.accounts}
    prefetch_related_objects(list(accounts.values()), "uses")
    facets = _facets(answer)
    named = {account.sub for account in accounts.values()}
    named |= set(wanted.owners.subs) if wanted.owners else set()
    named |= {sub for sub, _ in facets["owner"].most_common(SHOWN)}
    people = people or persons.titles(Q(sub__in=named))
    rows = {pk: _row(account, actor, wanted, answer, people) for pk, account in accounts.items()}
    return Inventory(
        counts=answer.sums.tiles(),
        groups=tuple(_group(part, rows) for part in page.slices),
        total=total,
        people=None if answer.owners is None else len(_mine(wanted, answer.owners)),
        facets=facets,
        titles={sub: who for (_, sub), who in people.items()},
        loose=answer.loose,
        next=page.next,
        cut=wanted.found is not None and wanted.found.more,
    )


def _facets(answer: Answer) -> dict[str, Counter[str]]:
    sums, by_owner = answer.sums, Counter[str]()
    for (_, sub), n in (answer.owners or {}).items():
        by_owner[sub] += n
    return {
        "state": sums.by("state"),
        "show": Counter({value: sums.with_show(value) for value in SHOWS}),
        "connection": sums.by("connection"),
        "owner": by_owner,
        "agent": answer.used["agent"],
        "skill": answer.used["skill"],
        "source": sums.by("source"),
    }


def _all_people(owners: Mapping[tuple[str, str], int]) -> People:
    return persons.titles(
        ~Q(sub="") if len(owners) > _FEW else Q(sub__in={sub for _, sub in owners})
    )


def _mine(wanted: Wanted, owners: Mapping[tuple[str, str], int]) -> Mapping[tuple[str, str], int]:
    """The owners that the query's own filter of owners leaves."""
    if wanted.owners is None:
        return owners
    return {key: n for key, n in owners.items() if key[1] in wanted.owners.subs}


def _from(after: Place | None, buckets: list[Bucket]) -> list[Bucket]:
    return [bucket for bucket in buckets if after is None or bucket.sort >= after.sort]


def _buckets(wanted: Wanted, answer: Answer) -> list[Bucket]:
    found = _agents if wanted.query.group == "agent" else _services
    return sorted(found(wanted.query, answer), key=lambda bucket: bucket.sort)


def _agents(query: Query, answer: Answer) -> Iterable[Bucket]:
    wanted = ["" if v == UNNAMED else v for v in query.values("agent")]
    for name, count in answer.used["agent"].items():
        if not wanted or name in wanted:
            title = name or UNNAMED
            yield Bucket(((name,),), title, count, ("0", title.casefold(), name))
    if not wanted and not query.values("skill") and (count := answer.sums.unseen()):
        yield Bucket(((NOBODY,),), "Not seen in use", count, ("1",))


def _services(query: Query, answer: Answer) -> Iterable[Bucket]:
    """One bucket a connection; a service may have several."""
    counts = answer.sums.by("connection")
    wanted = query.values("connection")
    names = [name for name, n in counts.items() if n and (not wanted or name in wanted)]
    if query.group == "connection":
        return [Bucket(((n,),), catalogue.title(n), counts[n], (n,)) for n in names]
    strategies = cache.get_or_set("connections:strategies", _strategies, _KEPT_S) or {}
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


def _strategies() -> dict[str, str]:
    found = ConnectionSetting.objects.exclude(strategy="")
    return dict(found.values_list("name", "strategy"))


def _row(
    account: ConnectedAccount, actor: Actor, wanted: Wanted, answer: Answer, people: People
) -> Row:
    return Row(
        card=member_overview.card(
            account, actor, account_status.of(account, wanted.ground, wanted.now)
        ),
        who=people.get((account.iss, account.sub), account.sub),
        fit=answer.sums.fits.get((account.connection, account.grant), Fit((), ())),
        idle=is_idle(account, wanted.now),
    )


def _group(part: Slice, rows: Mapping[UUID, Row]) -> Group:
    shown = tuple(rows[one.id] for one in part.rows if one.id in rows)
    return Group(part.bucket.title, part.bucket.count, shown, part.resumed)
