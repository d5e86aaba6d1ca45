"""What we hand out verifies with nothing but the verifier key."""

from __future__ import annotations

from base64 import b64encode
from io import StringIO
from uuid import uuid4

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.core.management import CommandError, call_command

from audit.evidence import log_proof_levels
from audit.ledger import cosignature, inclusion_proof_file, merkle, note, tiles
from audit.ledger.merkle import ProofError
from audit.models import Cosignature, Event
from audit.proofs import proofs_and_tiles
from audit.recording.stored_event_loader import load
from audit.sequencing import sequencer
from tests.audit.factories import NOON, DraftFactory
from tests.audit.signed import newest_checkpoint
from tests.support.recording import record_many

pytestmark = pytest.mark.django_db


def test_every_event_of_a_log_of_two_tile_levels_is_proven() -> None:
    ids = list(record_many([DraftFactory.build() for _ in range(600)]))
    sequencer.run_once()
    for index in (0, 1, 255, 256, 511, 512, 599):
        text = proofs_and_tiles.proof_for(ids[index])
        head = inclusion_proof_file.verify(
            text, proofs_and_tiles.entry_of(ids[index]), [proofs_and_tiles.vkey()]
        )
        assert (head.size, inclusion_proof_file.parse(text).index) == (600, index)
        with pytest.raises(ProofError):
            inclusion_proof_file.verify(
                text, proofs_and_tiles.entry_of(ids[index - 1]), [proofs_and_tiles.vkey()]
            )


def test_there_is_no_proof_before_the_signature() -> None:
    (id,) = record_many([DraftFactory.build()])
    with pytest.raises(proofs_and_tiles.NotSequenced, match="try again"):
        proofs_and_tiles.proof_for(id)
    with pytest.raises(proofs_and_tiles.NotSequenced):
        proofs_and_tiles.checkpoint_note()
    with pytest.raises(Event.DoesNotExist):
        proofs_and_tiles.proof_for(uuid4())
    assert load(id)["log"] == "L0"
    sequencer.run_once()
    assert proofs_and_tiles.proof_for(id)
    assert (load(id)["log"], load(id)["index"]) == ("L1", 0)


def test_a_cosignature_travels_with_the_checkpoint() -> None:
    (id,) = record_many([DraftFactory.build()])
    sequencer.run_once()
    newest = newest_checkpoint()
    seed = b"\7" * 32
    public = Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()
    line = cosignature.sign(newest.note, "witness.example", seed, 1_800_000_000).rstrip("\n")
    Cosignature.objects.create(
        size=1, root=newest.root, name="witness.example", line=line, created=NOON
    )
    keys = [proofs_and_tiles.vkey(), cosignature.vkey("witness.example", public)]
    assert set(note.verify(proofs_and_tiles.checkpoint_note(), keys)) == {
        "ledger.example/test",
        "witness.example",
    }
    inclusion_proof_file.verify(proofs_and_tiles.proof_for(id), proofs_and_tiles.entry_of(id), keys)


def test_tiles_and_bundles_rebuild_the_log() -> None:
    ids = list(record_many([DraftFactory.build() for _ in range(300)]))
    sequencer.run_once()
    entries = tiles.read_bundle(proofs_and_tiles.bundle(0)) + tiles.read_bundle(
        proofs_and_tiles.bundle(1, 44)
    )
    assert entries == [proofs_and_tiles.entry_of(id) for id in ids]
    leaves = proofs_and_tiles.served_tile(0, 0) + proofs_and_tiles.served_tile(0, 1, 44)
    assert leaves == b"".join(map(merkle.leaf_hash, entries))
    assert proofs_and_tiles.served_tile(1, 0, 1) == merkle.root(
        [leaves[i : i + 32] for i in range(0, 8192, 32)]
    )
    with pytest.raises(ProofError):
        proofs_and_tiles.bundle(1, 45)
    with pytest.raises(ProofError):
        proofs_and_tiles.served_tile(0, 1, 45)


def test_the_command_prints_the_signed_checkpoint() -> None:
    with pytest.raises(CommandError, match="not signed anything"):
        call_command("checkpoint")
    list(record_many([DraftFactory.build()]))
    out = StringIO()
    call_command("sequence", stdout=out)
    assert "Sequenced 1 event;" in out.getvalue()
    out = StringIO()
    call_command("checkpoint", stdout=out)
    origin, size, root = out.getvalue().split("\n")[:3]
    assert (origin, size) == ("ledger.example/test", "1")
    assert root == b64encode(newest_checkpoint().root).decode()


def test_log_levels_follow_sizes() -> None:
    sizes = log_proof_levels.LogSizes(signed=10, witnessed=6, timed=2)
    assert [sizes.level(i) for i in (None, 10, 9, 6, 5, 2, 1, 0)] == (
        ["L0", "L0", "L1", "L1", "L2", "L2", "L3", "L3"]
    )
    for level in ("L1", "L2", "L3"):
        first, end = sizes.range_of(level)
        assert end is not None
        assert {sizes.level(i) for i in range(first, end)} == {level}
