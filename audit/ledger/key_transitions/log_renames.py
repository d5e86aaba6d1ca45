"""Statements by which a log goes on under another name, and what leads from key to key at all.

A database that came back without part of what was signed can go on under a new origin, of which no
size was ever signed. A statement is a signed note of ours (`ata.ledger-origin.v1`) that says so:
both names, the tree that was kept, the last tree that was signed under the old name and whether
the kept one holds it, the keys of both. Every Ed25519 key of either side has signed it: the old
ones vouch for the new ones, the new ones claim no log that is not theirs.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from audit.ledger import note
from audit.ledger.checkpoint import parse_size
from audit.ledger.key_transitions import handover
from audit.ledger.key_transitions.handover import Waiting
from audit.ledger.merkle import HASH_SIZE
from audit.ledger.note import NoteError, VerifierKey

SCHEMA: Final = "ata.ledger-origin.v1"
_HELD: Final = {True: "held", False: "lost"}


@dataclass(frozen=True, slots=True)
class Tree:
    """A tree: how many entries, and their root."""

    size: int
    root: bytes


@dataclass(frozen=True, slots=True)
class Move:
    """A parsed statement; its word counts once `trail` has accepted it.

    Attributes:
        old_origin: the name until then.
        new_origin: the name from then on.
        kept: the tree with which it goes on.
        last: the largest tree that was signed under the old name, as far as the log knows.
        held: whether the log says that the kept tree has all of the last one.
        old: keys in force before, by the old name.
        new: keys in force from then on, by the new name.
    """

    old_origin: str
    new_origin: str
    kept: Tree
    last: Tree
    held: bool
    old: tuple[VerifierKey, ...]
    new: tuple[VerifierKey, ...]

    @property
    def words(self) -> str:
        """What it says, for people: what connects the two names, and what was lost."""
        said = (
            f"The keys of {self.old_origin} have signed that it goes on as {self.new_origin} with "
            f"{self.kept.size:,} entries; {self.last.size:,} had been signed"
        )
        if self.held:
            return f"{said}, and it says that all of them are in it."
        if self.last.size > self.kept.size:
            gone = self.last.size - self.kept.size
            return f"{said}: the last {gone:,} of them were LOST."
        return f"{said}, and some of them were LOST: it goes on from another copy."


@dataclass(frozen=True, slots=True)
class Trail:
    """Where some trusted keys lead.

    Attributes:
        keys: those keys, and all to which they lead.
        moves: the changes of name on the way, oldest first.
    """

    keys: tuple[VerifierKey, ...]
    moves: tuple[Move, ...] = ()


def is_move(statement: str) -> bool:
    """Whether a statement is about a change of name."""
    return statement.startswith(f"{SCHEMA}\n")


def parse(text: str) -> Move:
    """Read a statement, or its text alone, verifying nothing.

    Raises:
        NoteError: saying what is malformed.
    """
    body = text if "\n\n" not in text else note.parse(text).text
    lines = body.removesuffix("\n").split("\n")
    if len(lines) < 7 or lines[0] != SCHEMA:
        raise NoteError(f"it is no statement {SCHEMA}: two names, two trees, keys")
    old_origin, new_origin = lines[1:3]
    for name in (old_origin, new_origin):
        note.check_name(name)
    if old_origin == new_origin:
        raise NoteError(f"a log that goes on as {new_origin} had another name before")
    kept, last = lines[3].split(" "), lines[4].split(" ")
    if len(kept) != 3 or kept[0] != "kept" or len(last) != 4 or last[0] != "last":
        raise NoteError("after the names come `kept` and `last`, each with a size and a root")
    if last[3] not in _HELD.values():
        raise NoteError("the last tree is either `held` or `lost`")
    trees, held = (_tree(*kept[1:3]), _tree(*last[1:3])), last[3] == _HELD[True]
    if held and (trees[0].size < trees[1].size or _differ(*trees)):
        raise NoteError("a tree that is not larger cannot hold another one")
    old, new = handover.keys_of(lines[5:], {"old": old_origin, "new": new_origin})
    if {key.public_key for key in old} & {key.public_key for key in new}:
        raise NoteError("a key stands in it twice: a new name needs new keys")
    return Move(old_origin, new_origin, *trees, held, old, new)


def _differ(kept: Tree, last: Tree) -> bool:
    return kept.size == last.size and kept.root != last.root


def _tree(size: str, root: str) -> Tree:
    value = note.decode_base64(root, "a root of the statement")
    if len(value) != HASH_SIZE:
        raise NoteError(f"a root has {HASH_SIZE} bytes, not {len(value)}")
    return Tree(parse_size(size), value)


def trail(statements: Iterable[str], trusted: Iterable[str | VerifierKey]) -> Trail:
    """The trusted keys and those to which they lead, also under other names.

    Statements of which no old key is trusted lead nowhere and are passed over.

    Raises:
        NoteError: a statement that is malformed or not signed by those that it names; a log that
            is said to go on under two names, or under one that it had before.
    """
    texts = handover.limited(statements)
    renewals = Waiting((text, handover.parse(text)) for text in texts if not is_move(text))
    moves = Waiting((text, parse(text)) for text in texts if is_move(text))
    found = handover.read_keys(trusted)
    made, fresh = list[Move](), list(found)
    while ready := moves.take([*fresh, *handover.renew(renewals, found, fresh)]):
        fresh = []
        for text, said in ready:
            _accept(text, said, made)
            found |= dict.fromkeys(said.new)
            fresh += said.new
            made.append(said)
    return Trail(tuple(found), tuple(made))


def _accept(text: str, said: Move, made: Sequence[Move]) -> None:
    handover.check_signed(text, (*said.old, *said.new))
    if any(one.old_origin == said.old_origin for one in made):
        raise NoteError(f"two statements say as what {said.old_origin} goes on")
    if any(said.new_origin in (one.old_origin, one.new_origin) for one in made):
        raise NoteError(f"{said.new_origin} is said to begin twice")


def path(moves: Iterable[Move], new_origin: str, old_origin: str = "") -> tuple[Move, ...] | None:
    """The changes of name that lead to an origin, oldest first.

    Args:
        moves: accepted ones.
        new_origin: where they lead; none does to a log that never changed its name.
        old_origin: where they are to begin; the oldest where it is empty.

    Returns:
        None where they do not begin there.
    """
    by_new, found, at = {one.new_origin: one for one in moves}, list[Move](), new_origin
    while at != old_origin and (move := by_new.pop(at, None)) is not None:
        found.insert(0, move)
        at = move.old_origin
    return tuple(found) if old_origin in ("", at) else None
