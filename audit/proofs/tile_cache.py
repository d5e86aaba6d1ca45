"""Tiles that a process has read for proofs, with every hash above theirs.

A tile of one width never changes, so what was read once serves all proofs that pass through it.
What comes from here is held against the signed root before it is believed; the verifier reads the
database and never this.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Final

from audit.ledger.merkle import (
    HASH_SIZE,
    ProofError,
    fold_levels,
    inclusion_from,
    verify_inclusion,
)
from audit.ledger.tiles import HEIGHT, WIDTH, TileReader, tile_width
from audit.sequencing.tree_store import stored_tiles, tiles_of_path

MOST: Final = 512
"""Tiles, of 16 KiB with the hashes above."""

type Name = tuple[int, int, int]
"""Level, index, width."""

_kept: OrderedDict[Name, list[bytes]] = OrderedDict()
_lock = threading.Lock()


def inclusion_proof(index: int, size: int, root: bytes) -> list[bytes]:
    """The inclusion proof of entry `index` in the tree of `size`.

    If what is kept does not lead to `root`, it is forgotten, and what the database holds is
    returned.

    Raises:
        ProofError: index outside the tree, or leaf hashes missing.
    """
    names = _names(index, size)
    tiles = _find(names)
    if len(tiles) < len(names):
        tiles = _read(names, tiles, index, size)
    try:
        return _proven(tiles, index, size, root)
    except ProofError:
        forget()
        return _proof(_read(names, {}, index, size), index, size)


def forget() -> None:
    """Forget what is kept, so that everything is read again."""
    with _lock:
        _kept.clear()


def _names(index: int, size: int) -> list[Name]:
    names = []
    level = 0
    while size >> HEIGHT * level:
        for place in {index >> HEIGHT * (level + 1), (size - 1) >> HEIGHT * (level + 1)}:
            if width := tile_width(level, place, size):
                names.append((level, place, width))
        level += 1
    return names


def _find(names: list[Name]) -> dict[tuple[int, int], list[bytes]]:
    found = {}
    with _lock:
        for name in names:
            if (tile := _kept.get(name)) is not None:
                _kept.move_to_end(name)
                found[name[:2]] = tile
    return found


def _read(
    names: list[Name], found: dict[tuple[int, int], list[bytes]], index: int, size: int
) -> dict[tuple[int, int], list[bytes]]:
    missing = [name for name in names if name[:2] not in found]
    full = stored_tiles(name[:2] for name in missing if name[2] == WIDTH)
    reader = None
    for level, place, width in missing:
        hashes, _ = full.get((level, place), (b"", b""))
        if len(hashes) != WIDTH * HASH_SIZE:
            reader = reader or TileReader(tiles_of_path(index, size), size)
            hashes = reader.tile(level, place)
        found[level, place] = levels = fold_levels(hashes)
        with _lock:
            _kept[level, place, width] = levels
            while len(_kept) > MOST:
                _kept.popitem(last=False)
    return found


def _proven(
    tiles: dict[tuple[int, int], list[bytes]], index: int, size: int, root: bytes
) -> list[bytes]:
    hashes = _proof(tiles, index, size)
    at = index % WIDTH * HASH_SIZE
    leaf = tiles[0, index // WIDTH][0][at : at + HASH_SIZE]
    verify_inclusion(leaf, index, size, hashes, root)
    return hashes


def _proof(tiles: dict[tuple[int, int], list[bytes]], index: int, size: int) -> list[bytes]:
    def node(height: int, place: int) -> bytes:
        level, inner = divmod(height, HEIGHT)
        tile, position = divmod(place, WIDTH >> inner)
        start = position * HASH_SIZE
        return tiles[level, tile][inner][start : start + HASH_SIZE]

    return inclusion_from(node, index, size)
