"""The right edge of a growing tiled tree: what a sequencer holds between two batches."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from audit.ledger.merkle import EMPTY_ROOT, HASH_SIZE, ProofError, fold, range_hash
from audit.ledger.tiles import HEIGHT, TILE_BYTES, WIDTH, ReadTile, TileReader

_NONE: Final[Mapping[int, bytes]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Joined:
    """Leaf hashes one after the other, 32 bytes each; `roots` of whole tiles among them by index.

    The process that hashed them may fold them too, in parallel; a tree that is given a root does
    not.
    """

    hashes: bytes
    roots: Mapping[int, bytes] = field(default_factory=lambda: _NONE)

    @classmethod
    def of(cls, first: int, leaf_hashes: Iterable[bytes]) -> Joined:
        """Join hashes of leaves from `first` on, and fold each whole tile of level 0.

        Raises:
            ProofError: one is not 32 bytes.
        """
        hashes = b"".join(leaf_hashes_checked(leaf_hashes))
        begin = -first % WIDTH * HASH_SIZE
        places = range(begin, len(hashes) - TILE_BYTES + 1, TILE_BYTES)
        tiles = enumerate(places, -(-first // WIDTH))
        return cls(hashes, {index: fold(hashes[at : at + TILE_BYTES]) for index, at in tiles})


@dataclass(frozen=True, slots=True)
class Tile:
    """A tile and its bytes (32 per hash); `root` is the tree hash over them once it is full."""

    level: int
    index: int
    hashes: bytes
    root: bytes = b""

    @property
    def width(self) -> int:
        """Number of hashes, 1..256."""
        return len(self.hashes) // HASH_SIZE

    @property
    def digest(self) -> bytes:
        """SHA-256 of the tile's bytes, for stores that address content."""
        return hashlib.sha256(self.hashes).digest()


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
        return self.extend_joined(Joined(b"".join(leaf_hashes_checked(leaf_hashes))))

    def extend_joined(self, leaves: Joined) -> list[Tile]:
        """As `extend`, of hashes that are joined."""
        added = leaves.hashes
        full: list[Tile] = []
        while added:
            edge = self._edge[0]
            taken = added[: TILE_BYTES - len(edge)]
            added = added[len(taken) :] if len(taken) < len(added) else b""
            edge += taken
            self._size += len(taken) // HASH_SIZE
            if len(edge) == TILE_BYTES:
                self._carry(full, leaves.roots)
        return full

    def _carry(self, full: list[Tile], roots: Mapping[int, bytes]) -> None:
        level = 0
        while len(self._edge[level]) == TILE_BYTES:
            hashes = bytes(self._edge[level])
            index = (self._size >> HEIGHT * (level + 1)) - 1
            root = (roots.get(index) if level == 0 else None) or fold(hashes)
            full.append(Tile(level, index, hashes, root))
            self._edge[level].clear()
            level += 1
            if level == len(self._edge):
                self._edge.append(bytearray())
            self._edge[level] += root

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
