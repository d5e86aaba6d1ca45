"""Tiles of the tree and entry bundles (C2SP tlog-tiles), and proofs read from them.

A tile at level L holds up to 256 hashes, each the root of a perfect subtree of 256^L leaves. A
tree of any size is proven from O(log n) tiles, so nobody needs all leaves.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from .merkle import (
    EMPTY_ROOT,
    HASH_SIZE,
    ProofError,
    consistency_from,
    fold,
    inclusion_from,
    range_hash,
)

HEIGHT: Final = 8
WIDTH: Final = 1 << HEIGHT
TILE_BYTES: Final = WIDTH * HASH_SIZE
MAX_LEVEL: Final = 63
MAX_ENTRY_BYTES: Final = 2**16 - 1

type ReadTile = Callable[[int, int], bytes]
"""(level, index) -> the hashes held for that tile, concatenated.

At level 0 it must return every leaf hash the tree has in that tile. Above it may return fewer or
none for the right edge: what is missing is computed from the level below.
"""

_GROUPS: Final = r"(?:x\d{3}/)*\d{3}"
_PATH: Final = re.compile(
    rf"tile/(?P<level>entries|0|[1-9]\d?)/(?P<index>{_GROUPS})(?:\.p/(?P<width>[1-9]\d{{0,2}}))?"
)


@dataclass(frozen=True, slots=True)
class TileName:
    """Which tile a path names; `level` is None for an entry bundle."""

    level: int | None
    index: int
    width: int


def tile_path(level: int, index: int, width: int = WIDTH) -> str:
    """Return the path below the log's prefix, such as `tile/0/x001/x234/067.p/8`.

    Raises:
        ValueError: level outside 0..63, index below 0, width outside 1..256.
    """
    if not 0 <= level <= MAX_LEVEL:
        raise ValueError(f"a tile level is 0 to {MAX_LEVEL}, not {level}")
    return f"tile/{level}/{_index_path(index, width)}"


def entries_path(index: int, width: int = WIDTH) -> str:
    """Return the path of an entry bundle, such as `tile/entries/x001/067`."""
    return f"tile/entries/{_index_path(index, width)}"


def _index_path(index: int, width: int) -> str:
    if index < 0 or not 1 <= width <= WIDTH:
        raise ValueError(f"no tile has index {index} and width {width}")
    digits = str(index)
    digits = digits.zfill(-(-len(digits) // 3) * 3)
    groups = [digits[i : i + 3] for i in range(0, len(digits), 3)]
    path = "/".join([*(f"x{group}" for group in groups[:-1]), groups[-1]])
    return path if width == WIDTH else f"{path}.p/{width}"


def parse_path(path: str) -> TileName:
    """Read a tile or bundle path, accepting only the one spelling that `tile_path` writes.

    Raises:
        ValueError: it is not such a path.
    """
    found = _PATH.fullmatch(path)
    if found is None or not path.isascii():
        raise ValueError(f"{path!r} is not a tile path")
    level = None if found["level"] == "entries" else int(found["level"])
    index = int(found["index"].replace("x", "").replace("/", ""))
    width = int(found["width"] or WIDTH)
    again = entries_path(index, width) if level is None else tile_path(level, index, width)
    if again != path:
        raise ValueError(f"{path!r} is not the canonical path {again!r}")
    return TileName(level, index, width)


def tile_width(level: int, index: int, size: int) -> int:
    """Return how many hashes (0..256) this tile has in a tree of `size` leaves."""
    return min(WIDTH, max(0, (size >> HEIGHT * level) - index * WIDTH))


class TileReader:
    """Answers for perfect subtrees of a tree of `size` leaves; keeps the tiles it has read."""

    def __init__(self, read_tile: ReadTile, size: int) -> None:
        if size < 0:
            raise ProofError(f"a tree cannot have {size} leaves")
        self._read = read_tile
        self._size = size
        self._kept: dict[tuple[int, int], bytes] = {}

    def tile(self, level: int, index: int) -> bytes:
        """Return the tile at its width for this tree size.

        Raises:
            ProofError: the source lacks leaf hashes that the size promises.
        """
        kept = self._kept.get((level, index))
        if kept is not None:
            return kept
        needed = tile_width(level, index, self._size) * HASH_SIZE
        held = bytes(self._read(level, index)[:needed]) if needed else b""
        held = held[: len(held) - len(held) % HASH_SIZE]
        if len(held) < needed:
            if level == 0:
                raise ProofError(
                    f"tile 0/{index} holds {len(held) // HASH_SIZE} of the "
                    f"{needed // HASH_SIZE} leaf hashes that a tree of {self._size} has there"
                )
            start = index * WIDTH
            held += b"".join(
                fold(self.tile(level - 1, start + position))
                for position in range(len(held) // HASH_SIZE, needed // HASH_SIZE)
            )
        self._kept[level, index] = held
        return held

    def node(self, height: int, index: int) -> bytes:
        """Return the hash of the perfect subtree `index` of 2^height leaves."""
        level, inner = divmod(height, HEIGHT)
        per_tile = WIDTH >> inner
        tile_index, position = divmod(index, per_tile)
        start = (position << inner) * HASH_SIZE
        hashes = self.tile(level, tile_index)[start : start + (HASH_SIZE << inner)]
        if len(hashes) != HASH_SIZE << inner:
            raise ProofError(f"a tree of {self._size} has no subtree {index} of height {height}")
        return fold(hashes)


def root(read_tile: ReadTile, size: int) -> bytes:
    """Return the tree head of the first `size` leaves."""
    if size == 0:
        return EMPTY_ROOT
    return range_hash(TileReader(read_tile, size).node, 0, size)


def inclusion_proof(read_tile: ReadTile, index: int, size: int) -> list[bytes]:
    """Return the same proof as `merkle.inclusion_proof`, from tiles.

    Raises:
        ProofError: index outside the tree, or leaf hashes missing.
    """
    return inclusion_from(TileReader(read_tile, size).node, index, size)


def consistency_proof(read_tile: ReadTile, old_size: int, new_size: int) -> list[bytes]:
    """Return the same proof as `merkle.consistency_proof`, from tiles.

    Raises:
        ProofError: sizes out of order, or leaf hashes missing.
    """
    return consistency_from(TileReader(read_tile, new_size).node, old_size, new_size)


def tile(read_tile: ReadTile, level: int, index: int, size: int, width: int = WIDTH) -> bytes:
    """Return the bytes served for `tile_path(level, index, width)` in a tree of `size`.

    Raises:
        ProofError: the tree has fewer than `width` hashes there.
    """
    available = tile_width(level, index, size)
    if available < width:
        raise ProofError(f"tile {level}/{index} has {available} hashes in a tree of {size}")
    return TileReader(read_tile, size).tile(level, index)[: width * HASH_SIZE]


def write_bundle(entries: Iterable[bytes]) -> bytes:
    """Return an entry bundle: each entry after its length as a big-endian u16.

    Raises:
        ValueError: an entry is longer than 65,535 bytes.
    """
    parts: list[bytes] = []
    for entry in entries:
        if len(entry) > MAX_ENTRY_BYTES:
            raise ValueError(f"an entry has {len(entry)} bytes; a bundle holds {MAX_ENTRY_BYTES}")
        parts += (len(entry).to_bytes(2), entry)
    return b"".join(parts)


def read_bundle(data: bytes) -> list[bytes]:
    """Return the entries of a bundle.

    Raises:
        ValueError: the bundle ends inside an entry.
    """
    entries: list[bytes] = []
    position = 0
    while position < len(data):
        start = position + 2
        position = start + int.from_bytes(data[start - 2 : start])
        if position > len(data) or start > len(data):
            raise ValueError("an entry bundle ends inside an entry")
        entries.append(data[start:position])
    return entries
