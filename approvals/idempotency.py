"""Idempotency-Key: the same call with the same key gets the same answer for 24 hours."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction

from approvals import clock
from approvals.models import IdempotencyRecord
from audit.recording.actors import Actor

KEPT_FOR = timedelta(hours=24)
# A call that has not answered by then has died; one that only was slow finds its claim gone.
ANSWERS_WITHIN = timedelta(seconds=20)


class Mismatch(ValueError):
    """The key was used before for another call."""


class StillRunning(RuntimeError):
    """The first call with this key has not been answered yet."""


@dataclass(frozen=True, slots=True)
class Known:
    """The answer given before."""

    status: int
    answer: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to answer a key."""

    row: int


class ClaimLost(RuntimeError):
    """The key was taken over by a repeated call, since this one took too long."""


def begin(actor: Actor, key: str, call: str, body: bytes) -> Known | Claim:
    """Claim a key, or return the answer it had. `call` is method and path: an address can name
    what the body does not, such as the connection to revoke.

    Raises:
        Mismatch: another call under this key. StillRunning: no answer yet.
    """
    digest, now = hashlib.sha256(f"{call}\n".encode() + body).hexdigest(), clock.now()
    named = IdempotencyRecord.objects.filter(subject=subject_of(actor), key=key)
    # Nothing was committed under a claim without an answer: see `finish`.
    named.filter(status=None, body_digest=digest, created__lt=now - ANSWERS_WITHIN).delete()
    try:
        with transaction.atomic():
            row = IdempotencyRecord.objects.create(
                subject=subject_of(actor), key=key, body_digest=digest, created=now
            )
    except IntegrityError:
        known = named.first()
        if known is None:  # given up between our two looks
            raise StillRunning(key) from None
        if known.body_digest != digest:
            raise Mismatch(key) from None
        if known.status is None:
            raise StillRunning(key) from None
        return Known(known.status, known.answer)
    return Claim(row.pk)


def finish(claim: Claim, status: int, answer: dict[str, Any]) -> None:
    """Keep the answer, in the transaction of what it tells: a crash leaves both or neither.

    Raises:
        ClaimLost: a repeated call took over; the caller must roll back.
    """
    mine = IdempotencyRecord.objects.filter(pk=claim.row, status=None)
    if mine.update(status=status, answer=answer) != 1:
        raise ClaimLost(str(claim.row))


def abandon(claim: Claim) -> None:
    """The call failed before it did anything: the key may be used again."""
    IdempotencyRecord.objects.filter(pk=claim.row, status=None).delete()


def drop_expired(now: datetime) -> int:
    """Forget keys older than 24 hours."""
    return IdempotencyRecord.objects.filter(created__lt=now - KEPT_FOR).delete()[0]


def subject_of(actor: Actor) -> str:
    """Under whose name a key is kept."""
    return hashlib.sha256(f"{actor.iss}\n{actor.sub}".encode()).hexdigest()
