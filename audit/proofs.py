"""What we hand to people who check us: proofs, checkpoints, tiles, the verifier key."""

from __future__ import annotations

from uuid import UUID

from audit import heads
from audit.ledger import note, proof, tiles
from audit.ledger.merkle import ProofError
from audit.ledger.tiles import WIDTH
from audit.logkey import origin, vkey
from audit.models import Checkpoint, Cosignature, Entry, Event
from audit.tree import entry_bytes, read_tile, tiles_of_path

__all__ = [
    "NotSequenced",
    "bundle",
    "checkpoint_note",
    "entry_of",
    "origin",
    "proof_at",
    "proof_for",
    "read_tile",
    "served_tile",
    "vkey",
]


class NotSequenced(Exception):
    """The event is recorded but in no signed tree yet; within about a second it is."""


def entry_of(event_id: UUID) -> bytes:
    """The exact entry bytes.

    Raises:
        Event.DoesNotExist: there is no such event.
    """
    return bytes(Event.objects.values_list("entry", flat=True).get(id=event_id))


def proof_for(event_id: UUID) -> str:
    """The `.tlog-proof` text (C2SP tlog-proof@v1) of an event at the newest checkpoint.

    Raises:
        Event.DoesNotExist: there is no such event.
        NotSequenced: it has no leaf in a signed tree yet.
    """
    index = Entry.objects.filter(event=event_id).values_list("seq", flat=True).first()
    newest = heads.newest_checkpoint()
    if index is None or newest is None or index >= newest.size:
        if not Event.objects.filter(id=event_id).exists():
            raise Event.DoesNotExist(f"no event {event_id}")
        raise NotSequenced(f"event {event_id} is in no signed tree yet; try again in a second")
    return proof_at(index, newest)


def proof_at(index: int, checkpoint: Checkpoint) -> str:
    """The `.tlog-proof` text of an entry of the tree of a checkpoint; at most four queries."""
    hashes = tiles.inclusion_proof(tiles_of_path(index, checkpoint.size), index, checkpoint.size)
    return proof.write(index, hashes, signed_note(checkpoint))


def checkpoint_note() -> str:
    """The newest checkpoint with every cosignature that reached it.

    Raises:
        NotSequenced: nothing has been signed yet.
    """
    newest = heads.newest_checkpoint()
    if newest is None:
        raise NotSequenced("the log has not signed anything yet; start the worker")
    return signed_note(newest)


def signed_note(checkpoint: Checkpoint) -> str:
    """The note of one checkpoint with the cosignatures of its size and root, one per key."""
    found = Cosignature.objects.filter(size=checkpoint.size, root=checkpoint.root).order_by("id")
    lines = {name: line for name, line in found.values_list("name", "line")}
    if not lines:
        return checkpoint.note
    return note.add_signature(checkpoint.note, *lines.values())


def served_tile(level: int, index: int, width: int = WIDTH) -> bytes:
    """Bytes of a tile of the newest signed tree (C2SP tlog-tiles).

    Raises:
        ProofError: the signed tree has fewer than `width` hashes there.
    """
    newest = heads.newest_checkpoint()
    return tiles.tile(read_tile, level, index, newest.size if newest else 0, width)


def bundle(index: int, width: int = WIDTH) -> bytes:
    """Bytes of an entry bundle of the newest signed tree (C2SP tlog-tiles).

    Raises:
        ProofError: the signed tree has fewer than `width` entries there.
    """
    newest = heads.newest_checkpoint()
    available = tiles.tile_width(0, index, newest.size if newest else 0)
    if available < width:
        raise ProofError(f"bundle {index} has {available} entries")
    return tiles.write_bundle(entry_bytes(index * WIDTH, index * WIDTH + width))
