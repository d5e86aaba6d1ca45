"""What we hand to people who check us: proofs, checkpoints, tiles, the verifier key."""

from __future__ import annotations

from uuid import UUID

from audit.keys.keyring import vkeys
from audit.keys.log_identity import origin, vkey
from audit.ledger import inclusion_proof_file, tiles
from audit.ledger.merkle import ProofError
from audit.ledger.tiles import WIDTH
from audit.models import Checkpoint, Entry, Event
from audit.proofs import timestamping
from audit.proofs.cosigned_note import signed_note
from audit.sequencing import signed_state
from audit.sequencing.stored_tree_queries import entry_bytes, inclusion_proof, read_tile
from audit.witnesses.quorum import witnessed_checkpoint

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
    "signed_note",
    "vkey",
    "vkeys",
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
    """The `.tlog-proof` text (C2SP tlog-proof@v1) of an event.

    It leads to the newest checkpoint that is timed and that a quorum of witnesses cosigned, else to
    the newest with a quorum, else to the newest, whichever has the event.

    Raises:
        Event.DoesNotExist: there is no such event.
        NotSequenced: it has no leaf in a signed tree yet.
    """
    index = Entry.objects.filter(event=event_id).values_list("seq", flat=True).first()
    newest = signed_state.newest_checkpoint()
    if index is None or newest is None or index >= newest.size:
        if not Event.objects.filter(id=event_id).exists():
            raise Event.DoesNotExist(f"no event {event_id}")
        raise NotSequenced(f"event {event_id} is in no signed tree yet; try again in a second")
    return proof_at(index, best_for(index) or newest)


def best_for(index: int) -> Checkpoint | None:
    """The checkpoint that most people stand behind: timed, else witnessed."""
    witnessed = witnessed_checkpoint()
    if witnessed is None or index >= witnessed.size:
        return None
    timed = timestamping.timed_checkpoint()
    return timed if timed is not None and index < timed.size <= witnessed.size else witnessed


def proof_at(index: int, checkpoint: Checkpoint) -> str:
    """The `.tlog-proof` text of an entry of the tree of a checkpoint; two queries."""
    return inclusion_proof_file.write(
        index, inclusion_proof(index, checkpoint.size), signed_note(checkpoint)
    )


def checkpoint_note() -> str:
    """The newest checkpoint with every cosignature that reached it.

    Raises:
        NotSequenced: nothing has been signed yet.
    """
    newest = signed_state.newest_checkpoint()
    if newest is None:
        raise NotSequenced("the log has not signed anything yet; start the worker")
    return signed_note(newest)


def served_tile(level: int, index: int, width: int = WIDTH) -> bytes:
    """Bytes of a tile of the newest signed tree (C2SP tlog-tiles).

    Raises:
        ProofError: the signed tree has fewer than `width` hashes there.
    """
    newest = signed_state.newest_checkpoint()
    return tiles.tile(read_tile, level, index, newest.size if newest else 0, width)


def bundle(index: int, width: int = WIDTH) -> bytes:
    """Bytes of an entry bundle of the newest signed tree (C2SP tlog-tiles).

    Raises:
        ProofError: the signed tree has fewer than `width` entries there.
    """
    newest = signed_state.newest_checkpoint()
    available = tiles.tile_width(0, index, newest.size if newest else 0)
    if available < width:
        raise ProofError(f"bundle {index} has {available} entries")
    return tiles.write_bundle(entry_bytes(index * WIDTH, index * WIDTH + width))
