"""The entries of a log as one file, with the openings that its holder may release.

NDJSON, each line RFC 8785. The first line is the header: `{"schema": "ata.entries.v1", "origin",
"size", "checkpoint"}`, where `checkpoint` is the signed note of the tree of `size`. Then one line
for each entry, in order from 0: `{"index", "entry" (the exact text), "openings": [{"path",
"subject", "salt" (hex), "value"}], "withheld": [paths]}`. A value that is neither opened nor
withheld was erased.

The file proves itself: hashed in order, its entries give the root of the checkpoint, and each
opening fits its commitment.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from audit.ledger import checkpoint as checkpoints
from audit.ledger import merkle
from audit.ledger.checkpoint import Checkpoint
from audit.ledger.format.canonical import canonical, parsed
from audit.ledger.format.commitment import Opening
from audit.ledger.note import NoteError, VerifierKey
from audit.ledger.tree_edge import GrowingTree

SCHEMA: Final = "ata.entries.v1"


class EntriesError(ValueError):
    """The file is not the log that it says it is.

    Attributes:
        index: the first entry where that shows; None where it is about the whole.
    """

    def __init__(self, message: str, index: int | None = None) -> None:
        super().__init__(message if index is None else f"entry {index} {message}")
        self.index = index


@dataclass(frozen=True, slots=True)
class Kept:
    """One entry of the file.

    Attributes:
        index: its place in the log, from 0.
        entry: the exact bytes.
        openings: those that were released.
        withheld: paths of values that are there and were not released.
    """

    index: int
    entry: bytes
    openings: tuple[Opening, ...]
    withheld: frozenset[str]

    @property
    def there(self) -> set[str]:
        """Paths of values that exist: open, or withheld."""
        return {one.path for one in self.openings}.union(self.withheld)


def header(origin: str, size: int, checkpoint: str) -> bytes:
    """The first line."""
    document = {"schema": SCHEMA, "origin": origin, "size": size, "checkpoint": checkpoint}
    return canonical(document) + b"\n"


def line(index: int, entry: bytes, openings: Iterable[Opening], withheld: Iterable[str]) -> bytes:
    """The line of one entry."""
    opened = [
        {"path": one.path, "subject": one.subject, "salt": one.salt.hex(), "value": one.value}
        for one in sorted(openings, key=lambda one: one.path)
    ]
    document = {
        "index": index,
        "entry": entry.decode(),
        "openings": opened,
        "withheld": sorted(withheld),
    }
    return canonical(document) + b"\n"


class EntriesFile:
    """Reads a file line by line, and holds it to the log's signed tree on the way.

    Iterate it to its end: only then is it known whether the entries are the log's.

    Attributes:
        checkpoint: the signed tree.
        note: the same with every signature, as the file has it.
        roots: the root of the first so many entries, for each size of `roots_at` once read.

    Raises:
        EntriesError: while it is made, that the header cannot be read or that no trusted log signed
            its checkpoint; while it is read, that it is not that log.
    """

    def __init__(
        self,
        lines: Iterable[bytes],
        vkeys: Iterable[str | VerifierKey],
        *,
        roots_at: Iterable[int] = (),
    ) -> None:
        self._lines = iter(lines)
        self._wanted = frozenset(roots_at)
        self.roots: dict[int, bytes] = {}
        first = read_document(next(self._lines, b""), None)
        if first.get("schema") != SCHEMA or not isinstance(first.get("checkpoint"), str):
            raise EntriesError(f"the first line is no header of {SCHEMA}")
        self.note: str = first["checkpoint"]
        try:
            self.checkpoint: Checkpoint = checkpoints.verify(self.note, vkeys)
        except NoteError as error:
            raise EntriesError(f"its checkpoint does not hold: {error}") from error

    def __iter__(self) -> Iterator[Kept]:
        tree = GrowingTree()
        self._note_root(tree, 0)
        for index in range(self.checkpoint.size):
            kept = read_line(next(self._lines, b""), index)
            tree.extend((merkle.leaf_hash(kept.entry),))
            self._note_root(tree, index + 1)
            yield kept
        if next(self._lines, b""):
            raise EntriesError("there are more entries than the checkpoint says")
        if tree.root() != self.checkpoint.root:
            raise EntriesError("the entries do not have the root that the log signed")

    def _note_root(self, tree: GrowingTree, size: int) -> None:
        if size in self._wanted:
            self.roots[size] = tree.root()


def read_line(raw: bytes, index: int) -> Kept:
    """The entry of a line that `line` wrote.

    Raises:
        EntriesError: it is another entry, or no such line.
    """
    if not raw:
        raise EntriesError("is missing: the file ends before it", index)
    document = read_document(raw, index)
    try:
        if document["index"] != index:
            raise EntriesError(f"is missing: entry {document['index']!r} stands there", index)
        openings = tuple(map(_opening, document["openings"]))
        entry = document["entry"].encode()
        return Kept(index, entry, openings, frozenset(document["withheld"]))
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        if isinstance(error, EntriesError):
            raise
        raise EntriesError(f"has no such line as this format: {error!r}", index) from error


def _opening(one: Mapping[str, Any]) -> Opening:
    if not isinstance(one["path"], str) or not isinstance(one["subject"], str):
        raise TypeError("path and subject of an opening are texts")
    return Opening(one["path"], one["subject"], bytes.fromhex(one["salt"]), one["value"])


def read_document(raw: bytes, index: int | None) -> dict[str, Any]:
    """The JSON object of a line.

    Raises:
        EntriesError: it is none.
    """
    try:
        document = parsed(raw)
    except (ValueError, RecursionError) as error:
        raise EntriesError(f"cannot be read: {error}", index) from error
    if not isinstance(document, dict):
        raise EntriesError("is no JSON object", index)
    return document
