"""A log that only grows is never accused, however it grows; one step aside is.

`CHECKPOINTS=10000` runs both at their full length (`make attacks` does).
"""

from __future__ import annotations

import os
import random
from base64 import b64encode
from datetime import timedelta
from pathlib import Path

import pytest

from ata.log.cosigning_server import Witness
from audit.ledger import merkle, note, tiles
from audit.ledger.tree_edge import GrowingTree
from audit.models import Checkpoint, EventRow
from audit.sequencing.sequencer import Sequencer
from audit.verification import continuous, verify
from audit.verification.continuous import Progress, Rounds
from tests.attacks.ledger.world import World
from tests.audit.factories import MIA, OLU, DraftFactory
from tests.support.erasing import erase_person
from tests.support.recording import record_many
from tests.support.signed import sign_checkpoint

MANY = int(os.environ.get("CHECKPOINTS", "500"))
OURS = int(os.environ.get("CHECKPOINTS", "60"))
LOG = note.new_key("ledger.example/honest")


class Log:
    """A log in memory, by the rules of the sequencer: it signs what it holds, and only grows."""

    def __init__(self) -> None:
        self.tree = GrowingTree()
        self.hashes: list[bytearray] = [bytearray() for _ in range(5)]  # by level of tile

    def grow(self, count: int) -> None:
        first = self.tree.size
        added = [merkle.leaf_hash(n.to_bytes(8)) for n in range(first, first + count)]
        self.hashes[0] += b"".join(added)
        for tile in self.tree.extend(added):
            self.hashes[tile.level + 1] += merkle.fold(tile.hashes)

    def read_tile(self, level: int, index: int) -> bytes:
        first = index * tiles.TILE_BYTES
        return bytes(self.hashes[level][first : first + tiles.TILE_BYTES])

    def signed(self) -> str:
        return sign_checkpoint(LOG.name, self.tree.size, self.tree.root(), LOG.seed)

    def submission(self, old: int, signed: str = "") -> bytes:
        size = self.tree.size
        proof = tiles.consistency_proof(self.read_tile, old, size) if 0 < old < size else []
        lines = "".join(f"{b64encode(one).decode()}\n" for one in proof)
        return f"old {old}\n{lines}\n{signed or self.signed()}".encode()


def test_honest_checkpoints_raise_no_alarm_and_a_bent_one_does(tmp_path: Path) -> None:
    seeded, log, trusted = random.Random(20261125), Log(), [note.parse_vkey(LOG.vkey)]
    witness = Witness(tmp_path, "witness.example", trusted)
    seen = 0
    for number in range(MANY):
        log.grow(seeded.choice((0, 1, 1, 2, 7, 255, 256, 300)))  # 0: signed again when idle
        if number % 97 == 0:  # somebody restarts it
            witness.close()
            witness = Witness(tmp_path, "witness.example", trusted)
        if number % 13 == 0 and seen:  # the log forgot what the witness has seen
            told = witness.add_checkpoint(log.submission(0))
            assert (told.status, int(told.body)) == (409, seen)
        reply = witness.add_checkpoint(log.submission(seen))
        assert reply.status == 200, (number, reply.body)
        seen = log.tree.size
    log.grow(1)
    bent = sign_checkpoint(LOG.name, log.tree.size, bytes(32), LOG.seed)
    assert witness.add_checkpoint(log.submission(seen, bent)).status == 422
    witness.close()


@pytest.mark.django_db
def test_the_portals_log_is_verified_and_witnessed_all_along_without_an_alarm(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(continuous, "REST", timedelta(0))
    seeded, log, verifier, whole = random.Random(20261126), Sequencer(), Rounds(), 0
    signed_before = Checkpoint.objects.count()
    for number in range(OURS):
        people = [seeded.choice((OLU, MIA)) for _ in range(seeded.choice((1, 1, 2, 3, 5)))]
        list(record_many([DraftFactory.build(actor=one) for one in people]))
        if number % 89 == 0:  # somebody restarts the worker
            log, verifier = Sequencer(), Rounds()
        if number % 997 == 400:
            erase_person(seeded.choice((OLU, MIA)).key)
        assert log.run_once(sweep=number % 50 == 0).signed
        assert world.offer() == []
        done = Progress.read().done
        verifier.turn(budget_s=60 if number % 50 == 49 else 0.02)
        whole += Progress.read().done != done
    assert Checkpoint.objects.count() == signed_before + OURS
    assert Progress.read().alarm == "" and whole > 0
    assert not EventRow.objects.filter(action="ledger.alarm").exists()
    assert verify.run().ok
