"""The list of a review: its accounts as they were when it opened, a batch at a time.

Nothing here holds the list as a whole: fifty thousand accounts take as much memory as five hundred.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import batched, count
from typing import Any, Final
from uuid import UUID

from approvals import clock
from approvals.erasing.restated import Standing, standing
from audit.ledger.canonical import canonical
from connections import inventory
from connections import standing as standings
from connections.models import ConnectedAccount, Review, ReviewItem, Use
from connections.reviews.wanted import Taken

MOST: Final = 100_000
"""Accounts in one review: the list is frozen, and the result signed, in one transaction each."""
BATCH: Final = 500


class Seal:
    """Hex SHA-256 of a list (RFC 8785), bound to its review, account by account."""

    def __init__(self, review_id: str) -> None:
        self._id, self._hash = review_id, hashlib.sha256(b'{"accounts":[')
        self.number = 0  # accounts so far

    def add(self, told: dict[str, Any]) -> None:
        """The next account, by its facts."""
        if self.number:
            self._hash.update(b",")
        self._hash.update(canonical(told))
        self.number += 1

    def hex(self) -> str:
        """The digest of the accounts so far."""
        whole = self._hash.copy()
        whole.update(b'],"review":' + canonical(self._id) + b"}")
        return whole.hexdigest()


def freeze(review: Review, taken: Taken) -> Seal:
    """Save the accounts as they are now, and seal them. The review's own row is there already."""
    seal = Seal(str(review.id))
    for items in batched(_items(review, taken), BATCH):
        for item in items:
            seal.add(facts(item))
        ReviewItem.objects.bulk_create(items)
    return seal


def _items(review: Review, taken: Taken) -> Iterator[ReviewItem]:
    declared = inventory.declared_scopes()

    @lru_cache(maxsize=1024)  # few grants for many accounts
    def excess(connection: str, scopes: tuple[str, ...]) -> tuple[str, ...]:
        return inventory.fit(connection, scopes, declared).excess

    numbers = count(1)
    # The ids alone are put in order: to sort whole rows the engine would write them all down.
    for ids in batched(taken.found.values_list("pk", flat=True).iterator(BATCH), BATCH):
        found, uses = ConnectedAccount.objects.in_bulk(ids), _uses(ids)
        accounts = (found[id] for id in ids if id in found)
        for account in accounts:
            yield ReviewItem(
                review=review,
                number=next(numbers),
                account=account.id,
                auth0_id=account.auth0_id,
                iss=account.iss,
                sub=account.sub,
                connection=account.connection,
                state=standings.of(account, taken.ground, taken.now).code.value,
                scopes=list(account.scopes),
                excess=list(excess(account.connection, tuple(account.scopes))),
                last_used_at=account.last_used_at,
                elsewhere_on=account.elsewhere_on,
                watched_since=account.watched_since,
                uses=uses.get(account.id, []),
            )


def _uses(accounts: Iterable[UUID]) -> dict[UUID, list[dict[str, Any]]]:
    """Who used each of some accounts, newest first. No rows of the ORM: these point at each other,
    and would stay until somebody collects them."""
    found: dict[UUID, list[dict[str, Any]]] = {}
    rows = Use.objects.filter(account__in=accounts)
    told = rows.order_by("-last", "-pk").values_list("account", "agent", "skill", "count", "last")
    for account, agent, skill, number, last in told:
        use = {"agent": agent, "skill": skill, "count": number, "last": clock.stamp(last)}
        found.setdefault(account, []).append(use)
    return found


def batches(review: Review) -> Iterator[list[ReviewItem]]:
    """The list as it is stored now, in its order; a query for each 500."""
    last, more = 0, True
    while more:
        found = list(review.items.filter(number__gt=last).order_by("number")[: BATCH + 1])
        found, more = found[:BATCH], len(found) > BATCH
        if found:
            yield found
            last = found[-1].number


def facts(item: ReviewItem) -> dict[str, Any]:
    """What was frozen of one account, as the digest and the result spell it."""
    elsewhere = {"elsewhere_on": item.elsewhere_on.isoformat()} if item.elsewhere_on else {}
    return {
        "number": item.number,
        "account": str(item.account),
        "auth0_id": item.auth0_id,
        "owner": {"iss": item.iss, "sub": item.sub},
        "connection": item.connection,
        "state": str(item.state),
        "scopes": list(item.scopes),
        "excess": list(item.excess),
        "last_used_at": clock.stamp(item.last_used_at) if item.last_used_at else None,
        **elsewhere,
        "watched_since": clock.stamp(item.watched_since),
        "uses": list(item.uses),
    }


def digest(review_id: str, items: Iterable[ReviewItem]) -> str:
    """Hex SHA-256 of a frozen list (RFC 8785), bound to its review."""
    seal = Seal(review_id)
    for item in items:
        seal.add(facts(item))
    return seal.hex()


def digest_now(review: Review) -> str:
    """The digest of the list as it is stored now."""
    return digest(str(review.id), (item for batch in batches(review) for item in batch))


def stands(review: Review) -> Standing:
    """Whether the list is the one that was frozen, lost values to an erasure, or was altered."""
    return standing(review.digest, digest_now(review))
