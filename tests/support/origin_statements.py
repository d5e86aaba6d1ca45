"""Statements `ata.ledger-origin.v1`, as earlier versions wrote them when they renamed a log."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping, Sequence

from audit.ledger import note
from audit.ledger.key_transitions import log_renames
from audit.ledger.note import ED25519, NoteError


def write_statement(
    names: tuple[str, str],
    kept: log_renames.Tree,
    last: log_renames.Tree,
    keys: tuple[Sequence[str], Sequence[str]],
    seeds: Mapping[str, bytes],
    *,
    held: bool,
) -> str:
    """Return the signed statement.

    Args:
        names: the old and the new name.
        kept: the tree with which the log goes on.
        last: the largest one that was signed under the old name.
        keys: verifier keys in force before, and from then on.
        seeds: Ed25519 seed of each Ed25519 key of either side, by its verifier key.
        held: whether the kept tree has all of the last one.

    Raises:
        NoteError: a name or key that cannot be used, or a key without its seed.
    """
    (old, new), word = keys, "held" if held else "lost"
    trees = [f"kept {written(kept)}", f"last {written(last)} {word}"]
    lines = [log_renames.SCHEMA, *names, *trees]
    text = "\n".join([*lines, *(f"old {k}" for k in old), *(f"new {k}" for k in new)]) + "\n"
    said = log_renames.parse(text)
    signing = [key for key in (*said.old, *said.new) if key.key_type == ED25519]
    if missing := [str(key) for key in signing if str(key) not in seeds]:
        raise NoteError(f"the seed of {missing[0]} is needed")
    signed = [note.parse(note.sign(text, key.name, seeds[str(key)])) for key in signing]
    return str(note.Note(text, tuple(line for one in signed for line in one.signatures)))


def written(tree: log_renames.Tree) -> str:
    """A tree as it stands in a statement."""
    return f"{tree.size} {b64encode(tree.root).decode()}"
