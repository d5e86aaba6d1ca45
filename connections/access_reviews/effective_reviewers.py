"""Who decides on an account of a review once parts of it were reassigned to other reviewers.

A reassignment moves what one person decides to another, except the accounts that the other owns:
those stay until they are reassigned to a third person. They apply one after the other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Q, QuerySet

from connections.models import Review, Reviewers, ReviewItem

type Identity = tuple[str, str]
"""Issuer and subject."""


@dataclass(frozen=True, slots=True)
class Assigned:
    """Who decides on the accounts of one owner now, and who did before a reassignment."""

    now: frozenset[Identity]
    before: frozenset[Identity]


def identity_of(said: Mapping[str, Any]) -> Identity:
    """The identity in a row or in parameters."""
    return str(said["iss"]), str(said["sub"])


def assigned(review: Review, owner: Identity | None) -> Assigned:
    """Who decides on the accounts of an owner; None: of one whom no reassignment names."""
    if review.reviewers == Reviewers.ADMINS:
        now = frozenset(map(identity_of, review.admins))
    else:
        now = frozenset([owner] if owner else [])
    before: frozenset[Identity] = frozenset()
    for one in review.reassignments:
        person, reviewer = identity_of(one["person"]), identity_of(one["reviewer"])
        if person in now and reviewer != owner:
            now = now - {person} | {reviewer}
            before = before - {reviewer} | {person}
    return Assigned(now, before)


def accounts_of_owners(
    review: Review, who: Identity, wanted: Callable[[Identity | None], bool]
) -> Q:
    """The accounts of those owners for whom `wanted` is true.

    Args:
        who: whom `wanted` is about: their own accounts may differ from other people's.
        wanted: gets an owner, or None for all owners whom neither `who` nor a reassignment names.
    """
    named = {who, *_parties(review)}
    if not wanted(None):
        return _owned_by(one for one in named if wanted(one))
    return ~_owned_by(one for one in named if not wanted(one))


def accounts_assigned_to(review: Review, who: Identity) -> QuerySet[ReviewItem]:
    """The accounts on which a person decides by the rule of the review, whatever their role."""
    own = accounts_of_owners(review, who, lambda owner: who in assigned(review, owner).now)
    return review.items.filter(own)


def _parties(review: Review) -> set[Identity]:
    return {
        identity_of(one[name]) for one in review.reassignments for name in ("person", "reviewer")
    }


def _owned_by(owners: Iterable[Identity]) -> Q:
    found = Q(pk__in=[])
    for iss, sub in owners:
        found |= Q(iss=iss, sub=sub)
    return found
