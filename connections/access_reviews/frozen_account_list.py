"""The list of a review: its accounts as they were when it opened, a batch at a time.

Nothing here holds the list as a whole: fifty thousand accounts take as much memory as five hundred.
"""

from __future__ import annotations

import hashlib
import pickle
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import batched, count
from typing import Any, Final
from uuid import UUID

from approvals import clock
from approvals.erasure.erased_or_altered_documents import Standing, standing
from audit.ledger.format.canonical import canonical
from connections import inventory
from connections.access_reviews.account_filter import Taken
from connections.models import ConnectedAccount, Review, ReviewItem, Use
from connections.status import account_status as standings

MOST: Final = 100_000
"""Accounts in one review."""
BATCH: Final = 500


class Seal:
    """Hex SHA-256 of a list (RFC 8785), bound to its review, account by account."""

    def __init__(self, review_id: str) -> None:
        self._id, self._hash = review_id, hashlib.sha256(b'{"accounts":[')
        self.number = 0  # accounts so far

    def add(self, values: dict[str, Any]) -> None:
        """The next account, by its facts."""
        if self.number:
            self._hash.update(b",")
        self._hash.update(canonical(values))
        self.number += 1

    def hex(self) -> str:
        """The digest of the accounts so far."""
        whole = self._hash.copy()
        whole.update(b'],"review":' + canonical(self._id) + b"}")
        return whole.hexdigest()


@dataclass(frozen=True, slots=True)
class Listed:
    """A list as it was read at one moment: its seal, and its accounts, packed by the batch.

    Packed, a hundred thousand accounts take some ten megabytes.
    """

    seal: Seal
    packed: list[bytes]

    def batches(self) -> Iterator[list[ReviewItem]]:
        """The accounts as rows to be saved, in their order."""
        for one in self.packed:
            yield pickle.loads(zlib.decompress(one))  # noqa: S301 - of this process's memory


def read(review: UUID, taken: Taken) -> Listed:
    """The accounts as they are now, sealed; to be called within `one_moment`."""
    seal, packed = Seal(str(review)), []
    for items in batched(_items(review, taken), BATCH):
        for item in items:
            seal.add(facts(item))
        packed.append(zlib.compress(pickle.dumps(items), 1))
    return Listed(seal, packed)


def _items(review: UUID, taken: Taken) -> Iterator[ReviewItem]:
    numbers, build = count(1), _builder(review, taken)
    # The ids alone are put in order: to sort whole rows the engine would write them all down.
    for ids in batched(taken.found.values_list("pk", flat=True).iterator(BATCH), BATCH):
        for item in build(ids):
            item.number = next(numbers)
            yield item


def _builder(review: UUID, taken: Taken) -> Callable[[Sequence[UUID]], Iterator[ReviewItem]]:
    """Builds lines, without their number, of accounts that are there, as they are now."""
    declared = inventory.declared_scopes()

    @lru_cache(maxsize=1024)  # few grants for many accounts
    def excess(connection: str, scopes: tuple[str, ...]) -> tuple[str, ...]:
        return inventory.fit(connection, scopes, declared).excess

    def build(ids: Sequence[UUID]) -> Iterator[ReviewItem]:
        found, uses = ConnectedAccount.objects.in_bulk(ids), _uses(ids)
        for account in (found[id] for id in ids if id in found):
            yield ReviewItem(
                review_id=review,
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

    return build


def differing(review: Review, taken: Taken) -> list[UUID]:
    """Accounts of a stored list that are not now as it says, or are gone; within `one_moment`.

    Another use by an agent and component that are listed is no difference.
    """
    build, differ = _builder(review.pk, taken), []
    for items in batches(review):
        now = {item.account: _compared(item) for item in build([item.account for item in items])}
        differ += [item.account for item in items if _compared(item) != now.get(item.account)]
    return differ


def _compared(item: ReviewItem) -> dict[str, Any]:
    users = {(use["agent"], use["skill"]) for use in item.uses}
    return facts(item) | {"number": None, "last_used_at": None, "uses": users}


def _uses(accounts: Iterable[UUID]) -> dict[UUID, list[dict[str, Any]]]:
    """Who used each of some accounts, newest first. No rows of the ORM: these point at each other,
    and would stay until somebody collects them."""
    found: dict[UUID, list[dict[str, Any]]] = {}
    rows = Use.objects.filter(account__in=accounts)
    values = rows.order_by("-last", "-pk").values_list("account", "agent", "skill", "count", "last")
    for account, agent, skill, number, last in values:
        use = {"agent": agent, "skill": skill, "count": number, "last": clock.stamp(last)}
        found.setdefault(account, []).append(use)
    return found


def batches(review: Review) -> Iterator[list[ReviewItem]]:
    """The stored list, in its order, 500 accounts at a time."""
    for found in batched(review.items.order_by("number").iterator(BATCH), BATCH):
        yield list(found)


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
    """The digest of the stored list."""
    return digest(str(review.id), (item for batch in batches(review) for item in batch))


def stands(review: Review) -> Standing:
    """Whether the list is the one that was frozen, lost values to an erasure, or was altered."""
    return standing(review.digest, digest_now(review))
