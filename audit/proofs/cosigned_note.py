"""A checkpoint together with what others signed below it."""

from __future__ import annotations

from django.db import connection

from audit.ledger import note
from audit.models import Checkpoint


def signed_note(checkpoint: Checkpoint) -> str:
    """The note of one checkpoint with the cosignatures of its size and root, one per key."""
    with connection.cursor() as cursor:  # the ORM takes longer to ask than the engine to answer
        cursor.execute(
            "SELECT name, line FROM audit_cosignature WHERE size = %s AND root = %s ORDER BY id",
            [checkpoint.size, bytes(checkpoint.root)],
        )
        lines = dict(cursor.fetchall())
    if not lines:
        return checkpoint.note
    return note.add_signature(checkpoint.note, *lines.values())
