"""Answers a query with counts from the database: totals, facets, owners and users."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from django.db.models import Q

from audit.recording.actors import Actor
from connections.inventory import conditions, facet_counts, groups
from connections.inventory.conditions import Conditions, Found, Owners
from connections.inventory.facet_counts import How, Tally
from connections.inventory.query_parameters import Query
from connections.status import state_filters
from connections.status.account_status import Ground

MANY = 2_000
"""Accounts whose owners and users the database counts one by one."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A query with what its words and its owners came to, at a moment."""

    query: Query
    ground: Ground
    now: datetime
    owners: Owners | None
    found: Found | None

    @classmethod
    def of(cls, actor: Actor, query: Query, now: datetime) -> Wanted:
        """Read them; two queries, and one each for owners and for words."""
        return cls(
            query,
            state_filters.now(),
            now,
            conditions.owners_of(query.values("owner"), actor.sub),
            conditions.find(query.q),
        )


@dataclass(frozen=True, slots=True)
class Answer:
    """What a query comes to.

    Attributes:
        owners: accounts by owner, the query's own filter of owners left aside; None where nobody
            counted.
        used: accounts by agent and by component.
        loose: of `used`, those that are of all accounts and not of those that match.
        where: the condition of the query, for further queries.
    """

    sums: Tally
    owners: Mapping[tuple[str, str], int] | None
    used: Mapping[str, Counter[str]]
    loose: frozenset[str]
    read: groups.Read
    where: Callable[[], Q]


def answer(wanted: Wanted) -> Answer:
    """Ask the database; at most five queries."""
    query, found, owners = wanted.query, wanted.found, wanted.owners
    tally, where = count(wanted.query, wanted.ground, wanted.now, _say(wanted))
    tight = found is not None or owners is not None
    few = tight or tally.total() <= MANY
    how = {key: _how(query, tally, tight, key) for key in ("agent", "skill")}
    return Answer(
        tally,
        facet_counts.owners(where.all(but=["owner"])) if few else None,
        facet_counts.users(where, how),
        frozenset(key for key, way in how.items() if way is How.ALL),
        groups.reader(query.group, where),
        where.all,
    )


type _Say = Callable[[conditions.Fits], Conditions]


def _say(wanted: Wanted) -> _Say:
    return partial(
        conditions.conditions, wanted.query, now=wanted.now, ground=wanted.ground,
        found=wanted.found, owners=wanted.owners,
    )  # fmt: skip


def count(query: Query, ground: Ground, now: datetime, say: _Say) -> tuple[Tally, Conditions]:
    """The cells of a query and its conditions; three queries."""
    shows = [f"show={value}" for value in query.values("show")]
    base = say({}).all(but=["state", "connection", "source", *shows])
    cells = tuple(facet_counts.cells(base, ground, now))
    fits = facet_counts.fits_of({(cell.connection, cell.grant) for cell in cells})
    return Tally(cells, fits, query), say(fits)


def _how(query: Query, tally: Tally, tight: bool, key: str) -> How:
    """The cheapest way to count the users of what matches."""
    other = {"agent": "skill", "skill": "agent"}[key]
    if tight or query.values(other):
        return How.DIRECT
    if not any(query.values(name) for name in ("state", "connection", "source", "show")):
        return How.REST
    if query.group == key:
        return How.DIRECT  # the groups of a page are counted exactly
    few = tally.total() <= MANY and not query.values(key)
    return How.DIRECT if few else How.ALL


@dataclass(frozen=True, slots=True)
class Asked:
    """A query with what had to be read to answer it."""

    query: Query
    tally: Tally
    conditions: Conditions
    ground: Ground
    now: datetime


def ask(
    actor: Actor, query: Query, now: datetime, *, within: Q | None = None, every: bool = False
) -> Asked:
    """Read the cells of a query; three queries, and two more for a search by words.

    Args:
        within: what the asking person may see; None is everything.
        every: take every account that the words fit, however many.
    """
    ground = state_filters.now()
    say = partial(
        conditions.conditions, query, now=now, ground=ground, within=within,
        found=conditions.find_every(query.q) if every else conditions.find(query.q),
        owners=conditions.owners_of(query.values("owner"), actor.sub),
    )  # fmt: skip
    tally, where = count(query, ground, now, say)
    return Asked(query, tally, where, ground, now)
