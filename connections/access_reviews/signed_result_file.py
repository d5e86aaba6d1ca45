"""The result of a review as one signed file, and the counts in it.

The first line is a signed document that names how many lines follow and their SHA-256; each of
those is about one account. So neither who signs nor who checks has to hold the whole list at once.
"""

from __future__ import annotations

import hashlib
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.db.models import Count, QuerySet

from approvals import clock
from approvals.erasure.erased_or_altered_documents import WHOLE, Standing, standing
from audit.exports.manifest import key_statements
from audit.ledger.format.canonical import canonical
from audit.recording.actors import Actor, Target
from audit.recording.record import record
from connections.access_reviews import account_filter, frozen_account_list, remediation
from connections.auth_ibom import signing
from connections.consistent_read import one_moment
from connections.inventory import table_files
from connections.inventory.table_files import File
from connections.models import Choice, Review, ReviewItem, ReviewLines

PROFILE: Final = "ata.access-review.v2"


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
    """The hex SHA-256 of the whole file, how the frozen list stood, and what came of it."""

    digest: str
    frozen: Standing
    counts: Counts


def count(choices: Iterable[str] | Mapping[str, int]) -> Counts:
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
    """Counts of a review as it stands; one query."""
    return counts_of(review.items.all())


def counts_of(items: QuerySet[ReviewItem]) -> Counts:
    """Counts over some accounts of a review; one query."""
    return count(dict(items.order_by().values_list("choice").annotate(Count("pk"))))


@dataclass(frozen=True, slots=True)
class Lines:
    """What a result tells of each account, as it was read at one moment and packed by the batch.

    Attributes:
        packed: number of the first account, and the text of the lines.
        sha256: hex, over the text of all.
        frozen: hex SHA-256 of the list as it stands.
    """

    packed: list[tuple[int, bytes]]
    number: int
    sha256: str
    frozen: str
    counts: Counts


def read(review: Review) -> Lines:
    """What was decided and what came of it, now; to be called within `one_moment`."""
    seal, choices, lines = (
        frozen_account_list.Seal(str(review.id)),
        Counter[str](),
        hashlib.sha256(),
    )
    packed = []
    for items in frozen_account_list.batches(review):
        states = remediation.states(items)
        line = [frozen_account_list.facts(item) for item in items]
        for one in line:
            seal.add(one)
        choices.update(item.choice for item in items)
        text = "".join(
            _line(one | _decision(item, states[item.id]))
            for one, item in zip(line, items, strict=True)
        ).encode()
        lines.update(text)
        packed.append((items[0].number, zlib.compress(text, 1)))
    return Lines(packed, seal.number, lines.hexdigest(), seal.hex(), count(choices))


def rows(review: Review, lines: Lines) -> Iterator[ReviewLines]:
    """The lines as rows to be saved, one after the other."""
    for first, packed in lines.packed:
        text = zlib.decompress(packed).decode()
        yield ReviewLines(review=review, first=first, text=text)


def sign(review: Review, lines: Lines, closer: Actor, now: datetime) -> Signed:
    """Sign for a review that closes now; its `result` is set to the head of its lines.

    Raises:
        LedgerIdentityError: the log has no key to sign with.
    """
    frozen = standing(review.digest, lines.frozen)
    accounts = {"number": lines.number, "sha256": lines.sha256}
    review.result = _line(signing.sign(_head(review, frozen, lines.counts, accounts, closer, now)))
    found = hashlib.sha256(review.result.encode())
    for _, packed in lines.packed:
        found.update(zlib.decompress(packed))
    return Signed(found.hexdigest(), frozen, lines.counts)


def _line(line: Mapping[str, Any]) -> str:
    return canonical(dict(line)).decode() + "\n"


def text(review: Review) -> Iterator[str]:
    """The stored file of a closed review, piece by piece."""
    yield review.result
    yield from review.lines.order_by("first").values_list("text", flat=True).iterator(1)


def result_of(closed_event: UUID) -> bytes | None:
    """The stored file of the review that an event closed; None where it is not whole any more."""
    review = Review.objects.filter(closed_event=str(closed_event)).first()
    if review is None or not stands(review).whole:
        return None
    return "".join(text(review)).encode()


def digest_now(review: Review) -> str:
    """Hex SHA-256 of the stored file."""
    found = hashlib.sha256()
    for piece in text(review):
        found.update(piece.encode())
    return found.hexdigest()


def stands(review: Review) -> Standing:
    """Whether the result is the one that was signed, lost values to an erasure, or was altered."""
    return standing(review.result_digest, digest_now(review)) if review.result_digest else WHOLE


def as_data(frozen: Standing) -> dict[str, Any]:
    """How the frozen list stood, as the result says it; `certificate` is the index of its entry."""
    erased = {"erased": {"certificate": frozen.index}} if frozen.erased else {}
    return {"intact": frozen.whole, **erased}


def _head(
    review: Review,
    frozen: Standing,
    counts: Counts,
    accounts: Mapping[str, Any],
    closer: Actor,
    now: datetime,
) -> dict[str, Any]:
    return {
        "profile": PROFILE,
        "portal": settings.PORTAL_URL,
        "review": {
            "id": str(review.id),
            "title": review.title,
            "filter": review.wanted | {"in_words": account_filter.words_of(review.wanted)},
            "reviewers": str(review.reviewers),
            "admins": list(review.admins),
            **({"reassignments": review.reassignments} if review.reassignments else {}),
            "due": clock.stamp(review.due),
            "opened_at": clock.stamp(review.opened_at),
            "opened_by": review.opened_by,
            "opened_event": review.opened_event,
            "closed_at": clock.stamp(now),
            "closed_by": {"iss": closer.iss, "sub": closer.sub},
        },
        "scope": {"sha256": review.digest, **as_data(frozen)},
        "counts": asdict(counts),
        "accounts": dict(accounts),
        **key_statements(),
    }


def _decision(item: ReviewItem, state: str) -> dict[str, Any]:
    if not item.choice or item.decided_at is None:
        return {"decision": "undecided"}
    line: dict[str, Any] = {
        "decision": str(item.choice),
        "reason": item.reason,
        "decided_at": clock.stamp(item.decided_at),
        "decided_by": {"iss": item.decided_iss, "sub": item.decided_sub},
        "self_review": item.self_review,
        "event": item.event,
    }
    if state:
        line["at_closing"] = state
    if item.approval:
        line["approval"] = item.approval
    return line


WHAT: Final = "review_result"


def export(actor: Actor, review: Review) -> File:
    """The stored signed result of a closed review; `connection.exported` names the
    SHA-256 of just those bytes, which an erasure makes another than the signed one.
    """
    with one_moment():
        body, size, sha256 = table_files.spool(map(str.encode, text(review)))
    accounts = review.items.count()
    event = record(
        actor,
        "connection.exported",
        target=Target("review", str(review.id)),
        data={
            "what": WHAT,
            "format": "ndjson",
            "sha256": sha256,
            "bytes": size,
            "credentials": accounts,
            "everybody": True,
        },
        private={"title": review.title},
    )
    return File(
        body,
        f"access-review-{review.id}.ndjson",
        "application/x-ndjson",
        size,
        sha256,
        str(event),
        accounts,
    )
