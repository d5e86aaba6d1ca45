"""The owners of accounts as groups: in order of what people are called, a page at a time.

People whose name we do not know come last. Where few accounts match, all owners are at hand
already. Where many do, only as many people are read as a page can show, in the order of an index.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from django.db.models import Exists, OuterRef, Q

from approvals.models import Person
from connections.inventory import facet_counts
from connections.inventory.groups import Bucket
from connections.inventory.query_parameters import Place
from connections.models import ConnectedAccount

type Key = tuple[str, str]
"""Issuer and subject."""


class Called(NamedTuple):
    """What to call an owner; `email` is empty where it is the name, `listed` orders them."""

    name: str
    email: str
    listed: str


type People = Mapping[Key, Called]

_NAMED, _STRANGE = "0", "1"
_SHAPES = {_NAMED: 4, _STRANGE: 3}  # how long the sort keys are


def titles(where: Q) -> dict[Key, Called]:
    """What to call the people under a condition."""
    rows = Person.objects.filter(where).order_by().values_list("iss", "sub", "email", "name")
    return {(iss, sub): _called(sub, email, name) for iss, sub, email, name in rows}


def _called(sub: str, email: str, name: str) -> Called:
    return Called(name or email or sub, email if name else "", email or name or sub)


def buckets_of(owners: Mapping[Key, int], people: People) -> list[Bucket]:
    """A group for each owner, in order."""
    found = [_bucket(key, n, people.get(key)) for key, n in owners.items()]
    return sorted(found, key=lambda bucket: bucket.sort)


def walk(where: Q, after: Place | None, size: int) -> list[Bucket]:
    """The groups that begin the page of `size` rows behind a place; at most three queries.

    Args:
        where: the accounts that match.
    """
    behind = after.sort if after and _SHAPES.get(after.sort[0]) == len(after.sort) else ()
    named = {} if behind[:1] == (_STRANGE,) else _named(where, behind, size + 2)
    keys = list(named)
    if len(keys) < size + 2:
        keys += _unnamed(where, behind, size + 2 - len(keys))
    counts = facet_counts.owners(where & _any_of(keys)) if keys else {}
    return [_bucket(key, counts[key], named.get(key)) for key in keys if key in counts]


def _named(where: Q, behind: tuple[str, ...], limit: int) -> dict[Key, Called]:
    mine = ConnectedAccount.objects.filter(where, iss=OuterRef("iss"), sub=OuterRef("sub"))
    found = Person.objects.filter(Exists(mine))
    if behind:
        _, listed, iss, sub = behind
        same = Q(listed_as=listed, iss=iss, sub__gte=sub) | Q(listed_as=listed, iss__gt=iss)
        found = found.filter(same | Q(listed_as__gt=listed), listed_as__gte=listed)
    rows = found.order_by("listed_as", "iss", "sub").values_list("iss", "sub", "email", "name")
    return {(iss, sub): _called(sub, email, name) for iss, sub, email, name in rows[:limit]}


def _unnamed(where: Q, behind: tuple[str, ...], limit: int) -> list[Key]:
    theirs = Person.objects.filter(iss=OuterRef("iss"), sub=OuterRef("sub"))
    found = ConnectedAccount.objects.filter(where).filter(~Exists(theirs))
    if behind[:1] == (_STRANGE,):
        _, iss, sub = behind
        found = found.filter(Q(iss=iss, sub__gte=sub) | Q(iss__gt=iss))
    return list(found.order_by("iss", "sub").values_list("iss", "sub").distinct()[:limit])


def _any_of(keys: Sequence[Key]) -> Q:
    return Q(iss__in=sorted({iss for iss, _ in keys}), sub__in=sorted({sub for _, sub in keys}))


def _bucket(key: Key, count: int, who: Called | None) -> Bucket:
    if who is None:
        return Bucket((key,), key[1], count, (_STRANGE, *key))
    sort = (_NAMED, who.listed.casefold()[:255], *key)
    return Bucket((key,), who.name, count, sort, who.email)
