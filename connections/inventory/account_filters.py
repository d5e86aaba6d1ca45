"""Which accounts a query means, as one condition on their rows."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Q, QuerySet

from approvals.models import Person
from connections.inventory.declared_fit import LIVE, Fit, idle_before, idle_where
from connections.inventory.query_parameters import UNNAMED, Query
from connections.models import NOT_HELD, ConnectedAccount, State, Use
from connections.status import state_filters
from connections.status.account_status import Ground

FOUND: int = 2_000
"""Accounts that a search by words takes at most."""

type Fits = Mapping[tuple[str, str], Fit]
"""`(connection, grant)` -> how it fits."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a search by words found; `more` where it took only the first FOUND of them."""

    ids: Collection[object] | QuerySet[ConnectedAccount, Any]
    more: bool


def find(words: str) -> Found | None:
    """Accounts by the owner's name or e-mail, or by what the account is called; None for ""."""
    if not words:
        return None
    called = ConnectedAccount.objects.filter(_called(words))
    owned = ConnectedAccount.objects.filter(_owned(words))
    either = owned.order_by().values_list("pk").union(called.order_by().values_list("pk"), all=True)
    # Each may be found both ways. Told apart here, the database can stop as soon as it has enough.
    kept = tuple(dict.fromkeys(pk for (pk,) in either[: 2 * FOUND + 2]))
    return Found(kept[:FOUND], len(kept) > FOUND)


def find_every(words: str) -> Found | None:
    """The same without a limit: a list that is taken away is whole."""
    if not words:
        return None
    return Found(
        ConnectedAccount.objects.filter(_called(words) | _owned(words)).values("pk"), False
    )


def _called(words: str) -> Q:
    named = Q(label__icontains=words) | Q(provider_user__icontains=words)
    return named | Q(auth0_id=words)


def _owned(words: str) -> Q:
    people = Person.objects.filter(Q(name__icontains=words) | Q(email__icontains=words))
    return Q(sub__in=people.values("sub")) | Q(sub=words)


@dataclass(frozen=True, slots=True)
class Conditions:
    """The conditions of a query, each by its key, so that a facet can leave out its own."""

    parts: Mapping[str, Q]

    def all(self, *, but: Collection[str] = ()) -> Q:
        """All of them together, without those of some keys."""
        whole = Q()
        for key, part in self.parts.items():
            if key not in but:
                whole &= part
        return whole


@dataclass(frozen=True, slots=True)
class Owners:
    """The people that a filter of owners means; `strange` are subjects that nobody here has."""

    known: tuple[tuple[str, str], ...]
    strange: tuple[str, ...]

    @property
    def subs(self) -> frozenset[str]:
        """Their subjects."""
        return frozenset((*(sub for _, sub in self.known), *self.strange))

    def condition(self) -> Q:
        """Their accounts, by an index where they are known."""
        found = Q(pk__in=())
        for iss, sub in self.known:
            found |= Q(iss=iss, sub=sub)
        return found | Q(sub__in=self.strange) if self.strange else found


def owners_of(values: Collection[str], me: str) -> Owners | None:
    """Who a filter of owners means: subjects, e-mail addresses, or `me`; None for no filter."""
    if not values:
        return None
    wanted = {me if value == "me" and me else value for value in values}
    people = Person.objects.filter(Q(sub__in=wanted) | Q(email__in=wanted)).order_by("id")
    found = list(people.values_list("iss", "sub", "email"))
    strange = wanted - {part for _, *parts in found for part in parts}
    return Owners(tuple((iss, sub) for iss, sub, _ in found), tuple(sorted(strange)))


def conditions(
    query: Query,
    fits: Fits,
    now: datetime,
    *,
    ground: Ground,
    found: Found | None = None,
    owners: Owners | None = None,
    within: Q | None = None,
) -> Conditions:
    """Say a query as conditions on rows of accounts.

    Args:
        ground: what accounts stand on.
        fits: of every grant that there is; where `show` does not ask for it, may be empty.
        found, owners: what its words and its owners came to.
        within: what the asking person may see; None is everything.
    """
    parts: dict[str, Q] = {} if within is None else {"within": within}
    states = query.values("state")
    parts["state"] = (
        state_filters.stands_as(states, ground, now) if states else ~Q(state__in=NOT_HELD)
    )
    for key in ("connection", "source"):
        if values := query.values(key):
            parts[key] = Q(**{f"{key}__in": values})
    if owners is not None:
        parts["owner"] = owners.condition()
    for key in ("agent", "skill"):
        if values := query.values(key):
            named = ["" if value == UNNAMED else value for value in values]
            parts[key] = Q(pk__in=Use.objects.filter(**{f"{key}__in": named}).values("account"))
    for value in query.values("show"):
        parts[f"show={value}"] = shown(value, fits, now)
    if found is not None:
        parts["q"] = Q(pk__in=found.ids)
    return Conditions(parts)


def shown(value: str, fits: Fits, now: datetime) -> Q:
    """The condition of one value of `show`."""
    # Said as what it is not: no index on the state is of use, since most accounts are live.
    live = ~Q(state__in=[state for state in State if state not in LIVE])
    if value == "unseen":
        return live & Q(used_on=None)
    if value == "idle":
        return live & idle_where(idle_before(now))
    fitting = {
        pair for pair, fit in fits.items() if (fit.excess if value == "excess" else fit.missing)
    }
    grants = {grant for _, grant in fitting}
    where = live & Q(grant__in=sorted(grants))
    # The same scopes at another connection may fit there.
    for connection, grant in sorted(fits.keys() - fitting):
        if grant in grants:
            where &= ~Q(connection=connection, grant=grant)
    return where
