"""Reading the stored tree: tiles at any level, sizes, and entries by position."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from django.db import connection
from django.db.models import Max

from audit.ledger import tiles
from audit.ledger.tiles import HEIGHT, WIDTH, ReadTile
from audit.models import Entry, EventRow, Tile


def stored_size() -> int:
    """How many leaves the database holds."""
    last = Entry.objects.aggregate(last=Max("seq"))["last"]
    return 0 if last is None else last + 1


def next_index(first: int) -> int:
    """The lowest index from `first` on that has an entry; the size of the log if there is none."""
    # As SQL: asked for every thousand entries, the ORM takes longer than reading a hundred of them.
    ((there,),) = _query(f"SELECT min(seq) FROM audit_entry WHERE seq >= {first:d}")  # noqa: S608 - a number
    return stored_size() if there is None else int(there)


def read_tile(level: int, index: int) -> bytes:
    """All hashes stored for a tile, concatenated (`audit.ledger.tiles.ReadTile`)."""
    full = Tile.objects.filter(level=level, n=index).values_list("hashes", flat=True).first()
    if full is not None:
        return bytes(full)
    first = index * WIDTH
    if level == 0:
        return b"".join(leaf_hashes(first, first + WIDTH))
    # The root of every full tile below is kept, so a partial tile costs one small query.
    below = Tile.objects.filter(level=level - 1, n__gte=first, n__lt=first + WIDTH)
    return b"".join(map(bytes, below.order_by("n").values_list("root", flat=True)))


def stored_tiles(names: Iterable[tuple[int, int]]) -> dict[tuple[int, int], tuple[bytes, bytes]]:
    """Hashes and root of each full tile, by level and index, that is stored among these."""
    where = " OR ".join(f"(level = {level:d} AND n = {n:d})" for level, n in names)
    if not where:
        return {}
    rows = _query(f"SELECT level, n, hashes, root FROM audit_tile WHERE {where}")  # noqa: S608 - numbers
    return {(level, n): (_bytes(hashes), _bytes(root)) for level, n, hashes, root in rows}


def _bytes(stored: Any) -> bytes:
    """What stands in a column for bytes; text, which SQLite would keep there, is none of ours."""
    return bytes(stored) if isinstance(stored, bytes | memoryview) else b""


def inclusion_proof(index: int, size: int) -> list[bytes]:
    """The inclusion proof of entry `index` in the stored tree of `size`; one query.

    Raises:
        ProofError: index outside the tree, or leaf hashes missing.
    """
    return tiles.inclusion_proof(_tiles_of_path(index, size), index, size)


def _tiles_of_path(index: int, size: int) -> ReadTile:
    """The tiles that prove entry `index` of a tree of `size`; read by one query.

    A tile that is not full is not stored: it has the leaf hashes, or the roots of tiles below it.
    """
    parts = []
    level = 0
    while count := size >> HEIGHT * level:
        for n in {place >> HEIGHT * (level + 1) for place in (index, size - 1)}:
            first, end = n * WIDTH, (n + 1) * WIDTH
            found = f"SELECT {level:d}, {n:d}, n, "
            if end <= count:
                found += f"hashes FROM audit_tile WHERE level = {level:d} AND n = {n:d}"
            elif level:
                below = f"level = {level - 1:d} AND n >= {first:d} AND n < {end:d}"
                found += f"root FROM audit_tile WHERE {below}"
            else:
                found = (
                    f"SELECT 0, {n:d}, n.seq, e.leaf_hash FROM audit_entry n "  # noqa: S608 - numbers
                    "JOIN audit_event e ON e.id = n.event_id "
                    f"WHERE n.seq >= {first:d} AND n.seq < {end:d}"
                )
            parts.append(found)
        level += 1
    # As SQL: the ORM takes longer to write it than the engine to answer it.
    held: defaultdict[tuple[int, int], bytes] = defaultdict(bytes)
    whole = f"{' UNION ALL '.join(parts)} ORDER BY 1, 2, 3"
    for at, n, _, hashes in _query(whole) if parts else ():
        held[at, n] += bytes(hashes)

    def read(level: int, index: int) -> bytes:
        return held.get((level, index)) or read_tile(level, index)

    return read


def leaf_hashes(first: int, end: int) -> list[bytes]:
    """Leaf hashes of `first <= seq < end`, in order."""
    rows = _query(
        "SELECT e.leaf_hash FROM audit_entry n JOIN audit_event e ON e.id = n.event_id "  # noqa: S608 - numbers
        f"WHERE n.seq >= {first:d} AND n.seq < {end:d} ORDER BY n.seq"
    )
    return [bytes(leaf) for (leaf,) in rows]


def _query(statement: str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return list(cursor.fetchall())


def entry_bytes(first: int, end: int) -> list[bytes]:
    """Exact entries of `first <= seq < end`, in order (for entry bundles)."""
    entries = Entry.objects.filter(seq__gte=first, seq__lt=end).order_by("seq")
    return [bytes(value) for value in entries.values_list("event__entry", flat=True)]


def pending() -> int:
    """How many events wait for a leaf, as the projection knows it (one index, no scan)."""
    return EventRow.objects.filter(seq__isnull=True).count()
