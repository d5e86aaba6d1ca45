"""Reading the stored tree: tiles at any level, sizes, and entries by position."""

from __future__ import annotations

from django.db.models import Max, Min

from audit.ledger.tiles import WIDTH
from audit.models import Entry, EventRow, Tile


def stored_size() -> int:
    """How many leaves the database holds."""
    last = Entry.objects.aggregate(last=Max("seq"))["last"]
    return 0 if last is None else last + 1


def next_index(first: int) -> int:
    """The lowest index from `first` on that has an entry; the size of the log if there is none."""
    there = Entry.objects.filter(seq__gte=first).aggregate(there=Min("seq"))["there"]
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


def leaf_hashes(first: int, end: int) -> list[bytes]:
    """Leaf hashes of `first <= seq < end`, in order."""
    entries = Entry.objects.filter(seq__gte=first, seq__lt=end).order_by("seq")
    return [bytes(value) for value in entries.values_list("event__leaf_hash", flat=True)]


def entry_bytes(first: int, end: int) -> list[bytes]:
    """Exact entries of `first <= seq < end`, in order (for entry bundles)."""
    entries = Entry.objects.filter(seq__gte=first, seq__lt=end).order_by("seq")
    return [bytes(value) for value in entries.values_list("event__entry", flat=True)]


def pending() -> int:
    """How many events wait for a leaf, as the projection knows it (one index, no scan)."""
    return EventRow.objects.filter(seq__isnull=True).count()
