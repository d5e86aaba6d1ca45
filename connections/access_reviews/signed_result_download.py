"""Handing out the signed result of a review: on the record before anybody has it."""

from __future__ import annotations

import hashlib
import tempfile
from typing import IO, Final

from audit.recording.actors import Actor, Target
from audit.recording.record import record
from connections.access_reviews import signed_result_file
from connections.consistent_read import one_moment
from connections.inventory.table_files import File
from connections.models import Review

WHAT: Final = "review_result"
_IN_MEMORY: Final = 4 * 1024 * 1024  # bytes; a longer result waits on the disk, unlinked


def export(actor: Actor, review: Review) -> File:
    """The signed result of a closed review as it is stored now; `connection.exported` names the
    SHA-256 of just those bytes, which an erasure makes another than the signed one.
    """
    digest, size = hashlib.sha256(), 0
    body: IO[bytes] = tempfile.SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115 - handed on open
    with one_moment():
        for piece in signed_result_file.text(review):
            written = piece.encode()
            digest.update(written)
            size += body.write(written)
    body.seek(0)
    accounts = review.items.count()
    event = record(
        actor,
        "connection.exported",
        target=Target("review", str(review.id)),
        data={
            "what": WHAT,
            "format": "ndjson",
            "sha256": digest.hexdigest(),
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
        digest.hexdigest(),
        str(event),
        accounts,
    )
