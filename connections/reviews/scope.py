"""Which accounts a review takes, and the list of them as they were when it opened."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from approvals import clock
from approvals.erasing.restated import Standing, standing
from audit.ledger.canonical import canonical
from connections import inventory, scopes
from connections.models import ConnectedAccount, Review, ReviewItem, State

MOST = 5_000
"""Accounts in one review: the list is frozen, and the result signed, in one transaction each."""
STATES = (State.CONNECTED, State.NEEDS_RECONNECT, State.SUSPENDED)
SHOWS = {
    "": "all of them",
    "idle": "those not seen in use for 90 days",
    "excess": "those with more scope than manifests need",
}


@dataclass(frozen=True, slots=True)
class Wanted:
    """The filter of a review; empty takes every account that an agent could still use."""

    connection: str = ""
    state: str = ""
    show: str = ""

    @classmethod
    def parse(cls, given: Mapping[str, Any]) -> Wanted:
        """From a form or a row; what makes no sense is left out."""
        state, show = str(given.get("state", "")), str(given.get("show", ""))
        return cls(
            connection=str(given.get("connection", ""))[:128],
            state=state if state in STATES else "",
            show=show if show in SHOWS else "",
        )

    def as_json(self) -> dict[str, str]:
        """Plain JSON for rows, events and the result."""
        return asdict(self)

    def in_words(self) -> str:
        """`GitHub accounts that need reconnect, those not seen in use for 90 days`."""
        title = f"{scopes.title(self.connection)} accounts" if self.connection else "All accounts"
        state = f" in the state “{State(self.state).label}”" if self.state else ""
        return f"{title}{state}" + (f", {SHOWS[self.show]}" if self.show else "")


@dataclass(frozen=True, slots=True)
class Taken:
    """An account that the filter takes; `excess` are scopes that no manifest declares."""

    account: ConnectedAccount
    excess: tuple[str, ...]


def take(wanted: Wanted, now: datetime, *, uses: bool = True) -> list[Taken]:
    """The accounts of a filter, by service and owner; without `uses` for counting alone."""
    found = ConnectedAccount.objects.filter(state__in=[wanted.state] if wanted.state else STATES)
    if wanted.connection:
        found = found.filter(connection=wanted.connection)
    declared = inventory.declared_scopes()
    taken = []
    ordered = found.order_by("connection", "sub", "id")
    for account in ordered.prefetch_related("uses") if uses else ordered:
        excess = inventory.excess_of(account, declared)
        if wanted.show == "idle" and not inventory.is_idle(account, now):
            continue
        if wanted.show == "excess" and not excess:
            continue
        taken.append(Taken(account, excess))
    return taken


def freeze(review: Review, taken: Iterable[Taken]) -> list[ReviewItem]:
    """Rows of the accounts as they are now; not saved."""
    return [
        ReviewItem(
            review=review,
            number=number,
            account=one.account.id,
            auth0_id=one.account.auth0_id,
            iss=one.account.iss,
            sub=one.account.sub,
            connection=one.account.connection,
            state=one.account.state,
            scopes=list(one.account.scopes),
            excess=list(one.excess),
            last_used_at=one.account.last_used_at,
            watched_since=one.account.watched_since,
            uses=_uses(one.account),
        )
        for number, one in enumerate(taken, 1)
    ]


def _uses(account: ConnectedAccount) -> list[dict[str, Any]]:
    newest = sorted(account.uses.all(), key=lambda use: (use.last, use.pk), reverse=True)
    return [
        {"agent": use.agent, "skill": use.skill, "count": use.count, "last": clock.stamp(use.last)}
        for use in newest
    ]


def facts(item: ReviewItem) -> dict[str, Any]:
    """What was frozen of one account, as the digest and the result spell it."""
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
        "watched_since": clock.stamp(item.watched_since),
        "uses": list(item.uses),
    }


def digest(review_id: str, items: Iterable[ReviewItem]) -> str:
    """Hex SHA-256 of the frozen list (RFC 8785), bound to its review."""
    told = {"review": review_id, "accounts": [facts(item) for item in items]}
    return hashlib.sha256(canonical(told)).hexdigest()


def digest_now(review: Review) -> str:
    """The digest of the list as it is stored now."""
    return digest(str(review.id), review.items.order_by("number"))


def stands(review: Review) -> Standing:
    """Whether the list is the one that was frozen, lost values to an erasure, or was altered."""
    return standing(review.digest, digest_now(review))


def is_intact(review: Review) -> bool:
    """Whether the list is still the one that was frozen."""
    return stands(review).whole
