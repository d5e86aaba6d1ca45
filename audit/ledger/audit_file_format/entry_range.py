"""A range of a log as one file that proves itself: entries in full, or by their hash alone.

NDJSON, each line RFC 8785. The first line is the header: `{"schema": "ata.entry-range.v1",
"origin", "size", "start", "end", "outside": [hex], "checkpoint"}`. `outside` has the hashes of the
subtrees before and after the range, from left to right (RFC 9162 section 2.1.1 splits the tree).
Then one line for each index from `start` to `end`: as `audit.ledger.offline.log_file` writes it, or
`{"index", "leaf" (hex)}` for an entry of which nothing is disclosed.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Any, Final

from audit.ledger import checkpoint as checkpoints
from audit.ledger import merkle
from audit.ledger.checkpoint import Checkpoint
from audit.ledger.format.canonical import canonical, count_parts
from audit.ledger.note import NoteError, VerifierKey
from audit.ledger.offline.log_file import EntriesError, Kept, read_document, read_line

SCHEMA: Final = "ata.entry-range.v1"
MOST_ENTRIES: Final = 200_000
"""Entries of one range: about 300 MB of lines, half a minute of checking."""
LONGEST_LINE: Final = 16 * 1024 * 1024
"""Bytes of one line."""
MOST_PARTS: Final = 30_000_000
"""JSON values of all lines, as `count_parts` counts them: twice what so many entries have."""
MOST_PARTS_OF_LINE: Final = 500_000
_LEAF_BYTES: Final = 32


def is_too_long(line: bytes) -> bool:
    """Whether a line has more bytes or values than are read at once."""
    return len(line) > LONGEST_LINE or count_parts(line) > MOST_PARTS_OF_LINE


def header(
    origin: str, size: int, start: int, end: int, outside: Iterable[bytes], checkpoint: str
) -> bytes:
    """The first line."""
    document = {
        "schema": SCHEMA,
        "origin": origin,
        "size": size,
        "start": start,
        "end": end,
        "outside": [one.hex() for one in outside],
        "checkpoint": checkpoint,
    }
    return canonical(document) + b"\n"


def closed_line(index: int, leaf: bytes) -> bytes:
    """The line of an entry of which only the hash is disclosed."""
    return canonical({"index": index, "leaf": leaf.hex()}) + b"\n"


def hashes_outside(
    node: Callable[[int, int], bytes], start: int, end: int, size: int
) -> list[bytes]:
    """The hashes of the subtrees outside a range, from left to right; `node` as in `merkle`."""
    found: list[bytes] = []

    def walk(low: int, high: int) -> None:
        if high <= start or low >= end:
            found.append(merkle.range_hash(node, low, high))
        elif not (start <= low and high <= end):
            middle = low + merkle.split_width(high - low)
            walk(low, middle)
            walk(middle, high)

    walk(0, size)
    return found


def root_of(leaves: list[bytes], start: int, size: int, outside: Iterable[bytes]) -> bytes:
    """The root of the tree with these leaves from `start` on, and these hashes around them.

    Raises:
        EntriesError: there are more or fewer hashes than belong there.
    """
    end, hashes = start + len(leaves), iter(outside)

    def walk(low: int, high: int) -> bytes:
        if high <= start or low >= end:
            found = next(hashes, None)
            if found is None:
                raise EntriesError("a hash of the tree around the range is missing")
            return found
        if start <= low and high <= end:
            return merkle.root(leaves[low - start : high - start])
        middle = low + merkle.split_width(high - low)
        return merkle.node_hash(walk(low, middle), walk(middle, high))

    root = walk(0, size)
    if next(hashes, None) is not None:
        raise EntriesError("there are more hashes around the range than the tree has")
    return root


class RangeFile:
    """Reads a range line by line, and compares it with the log's signed tree at its end.

    Iterate it to its end: only then is it known whether the entries are the log's.

    Attributes:
        checkpoint: the signed tree.
        note: its text with all signatures.
        start, end: of the range.
        closed: how many entries were given by their hash alone, once read.

    Raises:
        EntriesError: while it is made, that the header cannot be read or that none of the keys
            signed its checkpoint; while it is read, that it is not that log.
    """

    def __init__(
        self,
        lines: Iterable[bytes],
        vkeys: Iterable[str | VerifierKey],
        required: Collection[int] = (),
    ) -> None:
        self._lines = iter(lines)
        head = next(self._lines, b"")
        if is_too_long(head):
            raise EntriesError("the first line is too long")
        first = read_document(head, None)
        if first.get("schema") != SCHEMA or not isinstance(first.get("checkpoint"), str):
            raise EntriesError(f"the first line is no header of {SCHEMA}")
        try:
            self.checkpoint: Checkpoint = checkpoints.verify(first["checkpoint"], vkeys, required)
            self.note = first["checkpoint"]
        except NoteError as error:
            raise EntriesError(f"its checkpoint is not signed: {error}") from error
        self.start, self.end, self._outside = _bounds(first, self.checkpoint)
        self.closed = 0

    def __iter__(self) -> Iterator[tuple[int, Kept | None]]:
        leaves: list[bytes] = []
        parts = 0
        for index in range(self.start, self.end):
            raw = next(self._lines, b"")
            parts += count_parts(raw)
            if parts > MOST_PARTS:
                raise EntriesError(f"the entries have more than {MOST_PARTS:,} values")
            leaf, kept = _read(raw, index)
            self.closed += kept is None
            leaves.append(leaf)
            yield index, kept
        if next(self._lines, b""):
            raise EntriesError("there are more entries than the range says")
        if root_of(leaves, self.start, self.checkpoint.size, self._outside) != self.checkpoint.root:
            raise EntriesError("the entries do not have the root that the log signed")


def _bounds(first: dict[str, Any], head: Checkpoint) -> tuple[int, int, list[bytes]]:
    start, end, outside = first.get("start"), first.get("end"), first.get("outside")
    if type(start) is not int or type(end) is not int or not 0 <= start < end <= head.size:
        raise EntriesError("the range lies outside the tree")
    if end - start > MOST_ENTRIES:
        raise EntriesError(f"the range has more than {MOST_ENTRIES:,} entries")
    if (first.get("origin"), first.get("size")) != (head.origin, head.size):
        raise EntriesError("the header is of another tree than its checkpoint")
    try:
        hashes = [bytes.fromhex(one) for one in outside or ()]
    except (TypeError, ValueError):
        hashes = [b""]
    if not isinstance(outside, list) or any(len(one) != _LEAF_BYTES for one in hashes):
        raise EntriesError("the hashes around the range cannot be read")
    return start, end, hashes


def _read(raw: bytes, index: int) -> tuple[bytes, Kept | None]:
    if is_too_long(raw):
        raise EntriesError("has a line that is too long", index)
    if raw.endswith(b'"}\n') and len(raw) < 200 and (leaf := _closed_leaf(raw, index)):
        return leaf, None
    kept = read_line(raw, index)
    return merkle.leaf_hash(kept.entry), kept


def _closed_leaf(raw: bytes, index: int) -> bytes | None:
    document = read_document(raw, index)
    if set(document) != {"index", "leaf"}:
        return None
    try:
        leaf = bytes.fromhex(document["leaf"])
    except (TypeError, ValueError):
        leaf = b""
    if document["index"] != index or len(leaf) != _LEAF_BYTES:
        raise EntriesError("is missing: another line stands there", index)
    return leaf
