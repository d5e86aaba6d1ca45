"""A followed log that goes on under another name: what is checked before it is followed there."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from ata.errors import AtaError
from ata.log.durable_files import write_durably
from audit.ledger.checkpoint import Checkpoint
from audit.ledger.key_transitions import log_renames
from audit.ledger.key_transitions.log_renames import Move, Tree
from audit.ledger.note import NoteError, VerifierKey

FOLLOWED: Final = ("followed.note", "followed.leaves")


def contradiction(move: Move, size: int, root_at: Callable[[int], bytes | None]) -> str:
    """How a change of name contradicts what was seen under the old one; empty where it does not.

    Args:
        move: accepted, so that its keys have signed it.
        size: entries that were seen as signed under the old name.
        root_at: root of the first so many of them; None where it is not known.
    """
    if size > move.last.size:
        return (
            f"{size} entries were seen as {move.old_origin}, and it goes on as {move.new_origin} "
            f"saying that only {move.last.size} had been signed: it hides what was lost."
        )
    if size == move.last.size and _other(move.last, root_at):
        return f"The {size} entries that it says were signed last are not those that were seen."
    another_copy = not move.held and move.last.size <= move.kept.size
    if another_copy or move.kept.size > size or not _other(move.kept, root_at):
        return ""
    return (
        f"{move.new_origin} does not go on with the first {move.kept.size} entries that were seen "
        f"as {move.old_origin}."
    )


def _other(tree: Tree, root_at: Callable[[int], bytes | None]) -> bool:
    root = root_at(tree.size)
    return root is not None and root != tree.root


def kept_of(move: Move, size: int) -> int:
    """How many entries of what was seen go on; none where it goes on from another copy."""
    if not move.held and move.last.size <= move.kept.size:
        return 0
    return min(size, move.kept.size)


def lay_aside(folder: Path, name: str) -> None:
    """Keep what was seen under a name apart from what is followed from now on."""
    digest = hashlib.sha256(name.encode()).hexdigest()[:16]
    note, leaves = (folder / one for one in FOLLOWED)
    (folder / f"before.{digest}.leaves").write_bytes(leaves.read_bytes())
    write_durably(folder / f"before.{digest}.note", note.read_text())
    note.unlink()  # killed from here on, everything is fetched and computed anew


def describe_move(served: Callable[[], bytes], keys: Sequence[VerifierKey], signed: bytes) -> str:
    """What the former keys say of a checkpoint of another name; empty where they say nothing.

    Args:
        served: fetches the history of keys (`/log/keys`).
        keys: log keys that are trusted.
        signed: the checkpoint.
    """
    name = signed.decode(errors="replace").partition("\n")[0]
    if any(key.name == name for key in keys):
        return ""
    try:
        statements = [str(one) for one in json.loads(served())["statements"]]
        way = log_renames.path(log_renames.trail(statements, keys).moves, name)
    except (AtaError, NoteError, ValueError, KeyError, TypeError):
        return ""
    return " ".join(one.words for one in way or ())


def first_of(moves: Sequence[Move], head: Checkpoint) -> Move | None:
    """The change of name by which the origin of a checkpoint began."""
    return next((one for one in moves if one.new_origin == head.origin), None)
