"""The right edge of a growing tiled tree: what a sequencer holds between two batches."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from audit.ledger.merkle import EMPTY_ROOT, HASH_SIZE, ProofError, fold, range_hash
from audit.ledger.tiles import HEIGHT, TILE_BYTES, WIDTH, ReadTile, TileReader


@dataclass(frozen=True, slots=True)
class Tile:
    """A tile and its bytes (32 per hash); `root` is the tree hash over them once it is full."""

    level: int
    index: int
    hashes: bytes
    root: bytes = b""


class GrowingTree:
    """Appends leaf hashes, hands out tiles as they fill, and answers for the root.

    One hash per leaf in all; the root costs at most 256 more per level, so ask once per batch.
    """

    def __init__(self) -> None:
        self._size = 0
        self._edge: list[bytearray] = [bytearray()]

    @classmethod
    def load(cls, read_tile: ReadTile, size: int) -> GrowingTree:
        """Rebuild the right edge of a stored tree of `size` leaves.

        Raises:
            ProofError: leaf hashes are missing.
        """
        reader = TileReader(read_tile, size)
        tree = cls()
        tree._size = size
        tree._edge = []
        level = 0
        while level == 0 or size >> HEIGHT * level:
            index = (size >> HEIGHT * level) // WIDTH
            tree._edge.append(bytearray(reader.tile(level, index)))
            level += 1
        return tree

    @property
    def size(self) -> int:
        """Number of leaves."""
        return self._size

    def extend(self, leaf_hashes: Iterable[bytes]) -> list[Tile]:
        """Append leaf hashes in order and return the tiles that became full, lowest level first.

        Raises:
            ProofError: one is not 32 bytes; nothing of the call is kept.
        """
        added = b"".join(leaf_hashes_checked(leaf_hashes))
        full: list[Tile] = []
        while added:
            edge = self._edge[0]
            taken = added[: TILE_BYTES - len(edge)]
            added = added[len(taken) :]
            edge += taken
            self._size += len(taken) // HASH_SIZE
            if len(edge) == TILE_BYTES:
                self._carry(full)
        return full

    def _carry(self, full: list[Tile]) -> None:
        level = 0
        while len(self._edge[level]) == TILE_BYTES:
            hashes = bytes(self._edge[level])
            index = (self._size >> HEIGHT * (level + 1)) - 1
            full.append(Tile(level, index, hashes, fold(hashes)))
            self._edge[level].clear()
            level += 1
            if level == len(self._edge):
                self._edge.append(bytearray())
            self._edge[level] += full[-1].root

    def root(self) -> bytes:
        """Return the tree head; SHA-256 of nothing while empty."""
        if not self._size:
            return EMPTY_ROOT
        return range_hash(self._node, 0, self._size)

    def _node(self, height: int, index: int) -> bytes:
        # The root asks only for the maximal perfect subtrees, and those lie on the right edge.
        level, inner = divmod(height, HEIGHT)
        position = index % (WIDTH >> inner)
        start = (position << inner) * HASH_SIZE
        return fold(bytes(self._edge[level][start : start + (HASH_SIZE << inner)]))


def leaf_hashes_checked(leaf_hashes: Iterable[bytes]) -> list[bytes]:
    """Return the hashes as a list.

    Raises:
        ProofError: one is not 32 bytes.
    """
    checked = list(leaf_hashes)
    if set(map(len, checked)) - {HASH_SIZE}:
        raise ProofError(f"a leaf hash is not {HASH_SIZE} bytes")
    return checked
