"""A checkpoint together with what others signed below it."""

from __future__ import annotations

from audit.ledger import note
from audit.models import Checkpoint, Cosignature


def signed_note(checkpoint: Checkpoint) -> str:
    """The note of one checkpoint with the cosignatures of its size and root, one per key."""
    found = Cosignature.objects.filter(size=checkpoint.size, root=checkpoint.root).order_by("id")
    lines = {name: line for name, line in found.values_list("name", "line")}
    if not lines:
        return checkpoint.note
    return note.add_signature(checkpoint.note, *lines.values())
