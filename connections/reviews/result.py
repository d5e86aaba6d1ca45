"""The result of a review as one signed document, and the counts in it."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final

from django.conf import settings

from approvals import clock
from approvals.erasing.restated import WHOLE, Standing, standing
from audit.actor import Actor
from audit.ledger.canonical import canonical
from connections.ibom import signing
from connections.models import Choice, Review, ReviewItem
from connections.reviews import remedy, scope
from connections.reviews.scope import Wanted

PROFILE: Final = "ata.access-review.v1"


@dataclass(frozen=True, slots=True)
class Counts:
    """How many accounts came to what. What nobody decided is undecided, never kept."""

    accounts: int
    keep: int
    reduce: int
    revoke: int
    undecided: int

    @property
    def decided(self) -> int:
        """How many have an answer."""
        return self.accounts - self.undecided


@dataclass(frozen=True, slots=True)
class Signed:
    """The exact text (RFC 8785), its hex SHA-256, and how the frozen list stood."""

    text: str
    digest: str
    frozen: Standing


def count(choices: Iterable[str]) -> Counts:
    """Counts over the choices of accounts."""
    found = Counter(choices)
    return Counts(
        accounts=found.total(),
        keep=found[Choice.KEEP],
        reduce=found[Choice.REDUCE],
        revoke=found[Choice.REVOKE],
        undecided=found[""],
    )


def counts(review: Review) -> Counts:
    """Counts of a review as it stands."""
    return count(review.items.values_list("choice", flat=True))


def sign(review: Review, closer: Actor, now: datetime) -> Signed:
    """The signed result of a review that closes now.

    Raises:
        LedgerIdentityError: the log has no key to sign with.
    """
    items = list(review.items.order_by("number"))
    frozen = scope.stands(review)
    text = canonical(signing.sign(_document(review, items, frozen, closer, now)))
    return Signed(text.decode(), hashlib.sha256(text).hexdigest(), frozen)


def digest_now(review: Review) -> str:
    """Hex SHA-256 of the result as it is stored now."""
    return hashlib.sha256(review.result.encode()).hexdigest()


def stands(review: Review) -> Standing:
    """Whether the result is the one that was signed, lost values to an erasure, or was altered."""
    return standing(review.result_digest, digest_now(review)) if review.result_digest else WHOLE


def as_data(frozen: Standing) -> dict[str, Any]:
    """How the frozen list stood, as the result says it; `certificate` is the index of its entry."""
    erased = {"erased": {"certificate": frozen.index}} if frozen.erased else {}
    return {"intact": frozen.whole, **erased}


def _document(
    review: Review, items: list[ReviewItem], frozen: Standing, closer: Actor, now: datetime
) -> dict[str, Any]:
    states = remedy.states(items)
    wanted = Wanted.parse(review.wanted)
    return {
        "profile": PROFILE,
        "portal": settings.PORTAL_URL,
        "review": {
            "id": str(review.id),
            "title": review.title,
            "filter": wanted.as_json() | {"in_words": wanted.in_words()},
            "reviewers": str(review.reviewers),
            "admins": list(review.admins),
            "due": clock.stamp(review.due),
            "opened_at": clock.stamp(review.opened_at),
            "opened_by": review.opened_by,
            "opened_event": review.opened_event,
            "closed_at": clock.stamp(now),
            "closed_by": {"iss": closer.iss, "sub": closer.sub},
        },
        "scope": {"sha256": review.digest, **as_data(frozen)},
        "counts": asdict(count(item.choice for item in items)),
        "accounts": [scope.facts(item) | _decision(item, states[item.id]) for item in items],
    }


def _decision(item: ReviewItem, state: str) -> dict[str, Any]:
    if not item.choice or item.decided_at is None:
        return {"decision": "undecided"}
    told: dict[str, Any] = {
        "decision": str(item.choice),
        "reason": item.reason,
        "decided_at": clock.stamp(item.decided_at),
        "decided_by": {"iss": item.decided_iss, "sub": item.decided_sub},
        "self_review": item.self_review,
        "event": item.event,
    }
    if state:
        told["at_closing"] = state
    if item.approval:
        told["approval"] = item.approval
    return told
