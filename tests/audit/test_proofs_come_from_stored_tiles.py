"""Proofs come from the stored tiles, and a tile that is changed is found."""

from __future__ import annotations

import pytest

from audit.ledger import tiles
from audit.ledger.merkle import verify_inclusion
from audit.models import Checkpoint, Event, Tile
from audit.sequencing import sequencer, signed_state, stored_tree_queries
from audit.verification import verify
from tests.audit.factories import DraftFactory
from tests.support.recording import record_many

pytestmark = pytest.mark.django_db
SIZES = (300, 257, 43)


@pytest.fixture
def signed(unguarded: None) -> list[Checkpoint]:
    """Checkpoints of 300, 557 and 600 entries."""
    found = []
    for many in SIZES:
        list(record_many([DraftFactory.build() for _ in range(many)]))
        sequencer.run_once()
        newest = signed_state.newest_checkpoint()
        assert newest is not None
        found.append(newest)
    return found


def proof(index: int, checkpoint: Checkpoint) -> list[bytes]:
    """A proof, once it was checked with the entry as it stands in the database."""
    found = stored_tree_queries.inclusion_proof(index, checkpoint.size)
    leaf = bytes(Event.objects.get(leaf__seq=index).leaf_hash)
    verify_inclusion(leaf, index, checkpoint.size, found, bytes(checkpoint.root))
    return found


def test_proofs_are_those_of_the_stored_tiles_at_every_size(signed: list[Checkpoint]) -> None:
    for checkpoint in signed:
        for index in {0, 255, 256, 299, checkpoint.size - 1}:
            wanted = tiles.inclusion_proof(stored_tree_queries.read_tile, index, checkpoint.size)
            assert proof(index, checkpoint) == wanted


def test_a_tile_that_is_changed_is_found(signed: list[Checkpoint]) -> None:
    tile = Tile.objects.get(level=0, n=0)
    right = bytes(tile.hashes)
    tile.hashes = bytes([right[0] ^ 1]) + right[1:]
    tile.save()
    for tree_only in (False, True):
        problems = verify.run(tree_only=tree_only).problems
        assert ("tile", 0) in {(problem.code, problem.index) for problem in problems}
    tile.hashes = right + bytes(32)
    tile.save()
    assert "tile" in {problem.code for problem in verify.run(tree_only=True).problems}
