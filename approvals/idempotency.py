"""Idempotency-Key: the same call with the same key gets the same answer for 24 hours."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction

from approvals import clock
from approvals.models import IdempotencyRecord
from audit.actor import Actor

KEPT_FOR = timedelta(hours=24)


class Mismatch(ValueError):
    """The key was used before for another call."""


class StillRunning(RuntimeError):
    """The first call with this key has not been answered yet."""


@dataclass(frozen=True, slots=True)
class Known:
    """The answer given before."""

    status: int
    answer: dict[str, Any]


def begin(actor: Actor, key: str, call: str, body: bytes) -> Known | None:
    """Claim a key, or return the answer it had. `call` is method and path: an address can name
    what the body does not, such as the connection to revoke.

    Raises:
        Mismatch: another call under this key. StillRunning: no answer yet.
    """
    digest = hashlib.sha256(f"{call}\n".encode() + body).hexdigest()
    try:
        with transaction.atomic():
            IdempotencyRecord.objects.create(
                subject=_subject(actor), key=key, body_digest=digest, created=clock.now()
            )
    except IntegrityError:
        row = IdempotencyRecord.objects.get(subject=_subject(actor), key=key)
        if row.body_digest != digest:
            raise Mismatch(key) from None
        if row.status is None:
            raise StillRunning(key) from None
        return Known(row.status, row.answer)
    return None


def finish(actor: Actor, key: str, status: int, answer: dict[str, Any]) -> None:
    """Keep the answer of a claimed key."""
    IdempotencyRecord.objects.filter(subject=_subject(actor), key=key).update(
        status=status, answer=answer
    )


def abandon(actor: Actor, key: str) -> None:
    """The call failed before it did anything: the key may be used again."""
    IdempotencyRecord.objects.filter(subject=_subject(actor), key=key, status=None).delete()


def drop_expired(now: datetime) -> int:
    """Forget keys older than 24 hours."""
    return IdempotencyRecord.objects.filter(created__lt=now - KEPT_FOR).delete()[0]


def _subject(actor: Actor) -> str:
    return hashlib.sha256(f"{actor.iss}\n{actor.sub}".encode()).hexdigest()
