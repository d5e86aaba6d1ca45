"""Tiles give the same roots and proofs as the leaves, whichever tiles have been stored."""

from __future__ import annotations

import random

import pytest

from audit.ledger import merkle, tiles
from audit.ledger.merkle import ProofError
from audit.ledger.tiles import TileName
from audit.ledger.tree_edge import GrowingTree

SIZE = 256 * 256 + 300
LEAVES = [n.to_bytes(32) for n in range(SIZE)]


class Store:
    """Full tiles, inserted once; leaf hashes of the right edge; nothing partial above."""

    def __init__(self) -> None:
        self.full: dict[tuple[int, int], bytes] = {}
        self.reads = 0

    def read(self, level: int, index: int) -> bytes:
        self.reads += 1
        if (level, index) in self.full:
            return self.full[level, index]
        return b"".join(LEAVES[index * 256 : index * 256 + 256]) if level == 0 else b""


@pytest.fixture(scope="module")
def store() -> Store:
    kept, tree, position = Store(), GrowingTree(), 0
    sizes = random.Random(7)
    while position < SIZE:
        step = sizes.choice((1, 3, 255, 256, 257, 4000))
        for tile in tree.extend(LEAVES[position : position + step]):
            assert len(tile.hashes) == 256 * 32
            assert (tile.level, tile.index) not in kept.full
            kept.full[tile.level, tile.index] = tile.hashes
        position = min(SIZE, position + step)
    assert tree.size == SIZE
    assert tree.root() == merkle.root(LEAVES)
    return kept


def test_all_full_tiles_come_out_once(store: Store) -> None:
    assert sorted(store.full) == [*((0, n) for n in range(257)), (1, 0)]


@pytest.mark.parametrize("size", [0, 1, 255, 256, 257, 511, 512, 65535, 65536, 65537, SIZE])
def test_roots_and_proofs_from_tiles_equal_those_from_leaves(store: Store, size: int) -> None:
    assert tiles.root(store.read, size) == merkle.root(LEAVES[:size])
    for index in {0, size // 2, size - 1} if size else set():
        expected = merkle.inclusion_proof(LEAVES, index, size)
        assert tiles.inclusion_proof(store.read, index, size) == expected
    for old in {0, 1, size // 3, size - 1, size} if size else {0}:
        expected = merkle.consistency_proof(LEAVES, old, size)
        assert tiles.consistency_proof(store.read, old, size) == expected


@pytest.mark.parametrize("size", [0, 1, 256, 300, 65536, 65600, SIZE])
def test_a_growing_tree_reloaded_from_tiles_goes_on_where_it_stopped(
    store: Store, size: int
) -> None:
    tree = GrowingTree.load(store.read, size)
    assert (tree.size, tree.root()) == (size, merkle.root(LEAVES[:size]))
    tree.extend(LEAVES[size:SIZE])
    assert tree.root() == merkle.root(LEAVES)


def test_the_tiles_of_seventy_thousand_are_those_the_specification_counts(store: Store) -> None:
    widths = {
        level: tiles.tile_width(level, 70_000 // 256 ** (level + 1), 70_000) for level in (0, 1, 2)
    }
    assert widths == {0: 112, 1: 17, 2: 1}
    assert [tiles.tile_width(0, n, 70_000) for n in (0, 272, 274)] == [256, 256, 0]


def test_partial_tiles_of_the_right_edge_hold_the_roots_of_their_leaves(store: Store) -> None:
    for (level, index), width in {(0, 257): 44, (1, 1): 1, (2, 0): 1}.items():
        each = 256**level
        first = index * 256 * each
        starts = range(first, first + width * each, each)
        hashes = b"".join(merkle.root(LEAVES[start : start + each]) for start in starts)
        assert tiles.tile(store.read, level, index, SIZE, width) == hashes
        with pytest.raises(ProofError, match="has"):
            tiles.tile(store.read, level, index, SIZE, width + 1)


def test_a_missing_leaf_tile_is_named() -> None:
    with pytest.raises(ProofError, match="tile 0/1 holds 0 of the 44"):
        tiles.root(lambda level, index: bytes(8192) if index == 0 else b"", 300)


def test_a_proof_reads_few_tiles(store: Store) -> None:
    store.reads = 0
    tiles.inclusion_proof(store.read, 12_345, SIZE)
    assert store.reads <= 6


def test_a_refused_batch_leaves_the_tree_as_it_was() -> None:
    tree = GrowingTree()
    tree.extend(LEAVES[:5])
    with pytest.raises(ProofError):
        tree.extend([LEAVES[5], b"short"])
    assert (tree.size, tree.root()) == (5, merkle.root(LEAVES[:5]))


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("tile/0/x001/x234/067", TileName(0, 1_234_067, 256)),
        ("tile/0/000", TileName(0, 0, 256)),
        ("tile/1/x001/000.p/17", TileName(1, 1000, 17)),
        ("tile/63/999.p/255", TileName(63, 999, 255)),
        ("tile/entries/x273/112.p/1", TileName(None, 273_112, 1)),
    ],
)
def test_tile_paths_have_one_spelling(path: str, name: TileName) -> None:
    assert tiles.parse_path(path) == name
    if name.level is None:
        assert tiles.entries_path(name.index, name.width) == path
    else:
        assert tiles.tile_path(name.level, name.index, name.width) == path


@pytest.mark.parametrize(
    "path",
    [
        "tile/64/000",
        "tile/00/000",
        "tile/0/0",
        "tile/0/x000/001",
        "tile/0/001.p/0",
        "tile/0/001.p/256",
        "tile/0/001.p/007",
        "tile/0/001/002",
        "tile/0/x001",
        "tile/-1/000",
        "tile/entries/1000",
        "tile/0/٠٠١",
        "/tile/0/000",
        "tile/0/000\n",
    ],
)
def test_other_spellings_are_refused(path: str) -> None:
    with pytest.raises(ValueError):
        tiles.parse_path(path)


def test_bundles_carry_entries_unchanged_up_to_their_bound() -> None:
    entries = [b"", b"a", b"x" * 65_535]
    assert tiles.read_bundle(tiles.write_bundle(entries)) == entries
    with pytest.raises(ValueError, match="65536"):
        tiles.write_bundle([b"x" * 65_536])
    for cut in (b"\x00", b"\x00\x02a", tiles.write_bundle([b"ab"])[:-1]):
        with pytest.raises(ValueError, match="ends inside"):
            tiles.read_bundle(cut)
