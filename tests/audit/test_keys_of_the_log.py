"""Two kinds of signatures on each checkpoint, and keys that have a history."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from audit import clock
from audit.db import durable_files
from audit.keys import keyring, log_identity, rotation
from audit.ledger import checkpoint as checkpoints
from audit.ledger import note, trust_policy
from audit.ledger.key_transitions import handover
from audit.ledger.note import NoteError
from audit.ledger.offline import proof_check as offline
from audit.models import Checkpoint, EventRow
from audit.proofs import proofs_and_tiles
from audit.recording.actors import SYSTEM
from audit.recording.record import record
from audit.sequencing import sequencer, signed_state
from audit.sequencing.signed_state import SequencerStopped
from audit.verification.verify import run as verified
from tests.support.signed import sign_checkpoint

pytestmark = pytest.mark.django_db


def grow(count: int = 1) -> str:
    for _ in range(count):
        record(SYSTEM, "external.happened")
    sequencer.run_once()
    newest = signed_state.newest_checkpoint()
    assert newest is not None
    return newest.note


def findings() -> dict[str, str]:
    return {one.code: one.message for one in verified().problems if one.code != "trigger"}


def changes() -> list[dict[str, object]]:
    ids = EventRow.objects.filter(action="ledger.key_changed").order_by("event")
    return [
        json.loads(proofs_and_tiles.entry_of(id))["data"]
        for id in ids.values_list("event", flat=True)
    ]


def as_before_there_were_two(var_dir: Path) -> str:
    """A log of 3 entries as the version before left it: one key, no history of keys."""
    grow(3)
    ed = log_identity.vkey()
    root = bytes(signed_state.newest_checkpoint().root)  # type: ignore[union-attr]
    signed = sign_checkpoint(log_identity.origin(), 3, root, log_identity.seed())
    Checkpoint.objects.all().delete()
    Checkpoint.objects.create(size=3, root=root, note=signed, created=clock.now())
    keyring.path().unlink()
    log_identity.mldsa_file().unlink()
    return ed


def test_each_checkpoint_bears_both_signatures_and_either_key_verifies(
    client: Client, var_dir: Path
) -> None:
    signed = grow(2)
    ed, ml = client.get("/log/key").content.decode().split()
    assert [note.parse_vkey(one).key_type for one in (ed, ml)] == [1, 6]
    for keys in ([ed], [ml], [ed, ml]):
        assert checkpoints.verify(signed, keys).size == 2
    assert log_identity.mldsa_file().stat().st_mode & 0o777 == 0o600
    assert changes() == [] and findings() == {}
    id = EventRow.objects.get(seq=1).event
    asked = trust_policy.parse(f"log {ed}\nlog {ml}\nquorum none\nrequire ed25519 ml-dsa-44")
    assert offline.verify_proof_file(
        proofs_and_tiles.proof_for(id), proofs_and_tiles.entry_of(id), policy=asked
    ).ok


@pytest.mark.usefixtures("unguarded")
def test_an_installation_with_one_key_gets_the_other_and_says_so(var_dir: Path) -> None:
    old = as_before_there_were_two(var_dir)
    assert proofs_and_tiles.vkeys() == [old]
    signed = grow()
    both = proofs_and_tiles.vkeys()
    assert both[0] == old and checkpoints.verify(signed, both[1:]).size == 5
    (told,) = changes()
    assert (told["state"], told["size"], told["keys"]) == ("began", 3, both[1:])
    # Whoever held the old key follows to the new one by what the old one signed.
    reached = handover.follow([str(told["statement"])], [old])
    assert [str(one) for one in reached] == both
    assert findings() == {}
    grow()
    assert len(changes()) == 1


@pytest.mark.usefixtures("unguarded")
def test_a_crash_between_the_change_and_its_event_leaves_no_change_untold(
    var_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    as_before_there_were_two(var_dir)

    def crash(*args: object, **named: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("audit.keys.key_events.record", crash)
        with pytest.raises(KeyboardInterrupt):
            sequencer.run_once()
    with monkeypatch.context() as patch:  # recorded, and killed before that was noted
        patch.setattr(keyring, "write", crash)
        with pytest.raises(KeyboardInterrupt):
            sequencer.run_once()
    grow()
    assert len(changes()) == 1 and findings() == {}


@pytest.mark.usefixtures("unguarded")
def test_a_checkpoint_without_one_of_the_signatures_is_found(var_dir: Path) -> None:
    grow(2)
    row = signed_state.newest_checkpoint()
    assert row is not None
    parsed = note.parse(row.note)
    for left, missing in zip(parsed.signatures, ("ML-DSA-44", "Ed25519"), strict=True):
        stripped = str(note.Note(parsed.text, (left,)))
        Checkpoint.objects.filter(id=row.pk).update(note=stripped)
        assert f"the {missing} key" in findings()["checkpoint"]
        with pytest.raises(SequencerStopped, match=missing):
            sequencer.run_once()


def test_keys_that_were_swapped_without_a_statement_are_named(var_dir: Path) -> None:
    grow(2)
    ring = keyring.read()
    # One key file alone.
    seed = log_identity.mldsa_file().read_bytes()
    log_identity.mldsa_file().write_bytes(seed[:4] + b"AAAA" + seed[8:])
    assert "is in no file of" in findings()["key"]
    with pytest.raises(SequencerStopped, match="put the key back"):
        sequencer.run_once()
    # The history with it: no earlier key has signed for that.
    ed, ml = ring.periods
    other = dict(keyring._held())
    (forged,) = [one for one in other if one not in (ed.vkey, ml.vkey)]
    keyring.write(keyring.Keyring((ed, keyring.Period(forged, 1))))
    assert "no earlier key of this log has signed for the key" in findings()["key"]
    # And with a statement, which the log does not tell of.
    seeds = {ed.vkey: log_identity.seed()}
    statement = handover.write(log_identity.origin(), 1, [ed.vkey], [ed.vkey, forged], seeds)
    keyring.write(keyring.Keyring((ed, keyring.Period(forged, 1)), (statement,)))
    assert "in no ledger.key_changed entry" in findings()["key"]
    log_identity.mldsa_file().write_bytes(seed)
    keyring.write(ring)
    sequencer.run_once()
    assert findings() == {}
    keyring.path().write_text("{")
    with pytest.raises(log_identity.LedgerIdentityError, match="is damaged"):
        keyring.read()


def test_statements_lead_from_key_to_key_and_nowhere_else() -> None:
    one, two, three, stranger = (note.new_key("log.example/a") for _ in range(4))

    def says(old: note.SigningKey, new: note.SigningKey, size: int) -> str:
        seeds = {old.vkey: old.seed}
        return handover.write("log.example/a", size, [old.vkey], [old.vkey, new.vkey], seeds)

    chain = [says(two, three, 9), says(one, two, 4)]
    reached = {str(key) for key in handover.follow(chain, [one.vkey])}
    assert reached == {one.vkey, two.vkey, three.vkey}
    assert handover.follow(chain, [stranger.vkey]) == (note.parse_vkey(stranger.vkey),)
    assert handover.parse(chain[0]).size == 9
    bent = chain[1].replace("from 4", "from 5")
    with pytest.raises(NoteError, match="does not verify"):
        handover.follow([bent], [one.vkey])
    unsigned = note.sign(note.parse(chain[1]).text, "log.example/a", stranger.seed)
    with pytest.raises(NoteError, match="has not signed"):
        handover.follow([unsigned], [one.vkey])
    for text, why in (
        ("ata.ledger-keys.v2\nlog.example/a\nfrom 4\nold a\nnew b\n", "no statement"),
        (chain[0].replace("from 9", "from 09"), "plain decimal"),
        (note.parse(chain[0]).text.replace("\nold ", "\nnew ", 1), "both sides name"),
        (note.parse(chain[0]).text.replace("log.example/a\n", "log.example/b\n", 1), "not a key"),
    ):
        with pytest.raises(NoteError, match=why):
            handover.parse(text)


# A change of keys


def test_new_keys_sign_beside_the_old_ones_and_then_alone(client: Client, var_dir: Path) -> None:
    grow(2)
    old = proofs_and_tiles.vkeys()
    old_seed = log_identity.seed()
    with pytest.raises(CommandError, match="No change of keys is under way"):
        call_command("ledger_rotate_key", "--finish")
    call_command("ledger_rotate_key")
    with pytest.raises(CommandError, match="let it end first"):
        call_command("ledger_rotate_key")
    with pytest.raises(CommandError, match="No checkpoint bears the old and the new"):
        call_command("ledger_rotate_key", "--finish")
    assert log_identity.seed() == old_seed  # manifests still bear the key that everybody has
    overlapping = grow()
    every = proofs_and_tiles.vkeys()
    new = [one for one in every if one not in old]
    assert len(every) == 4 and len(note.parse(overlapping).signatures) == 4
    for one in every:
        assert checkpoints.verify(overlapping, [one]).size == 4
    assert findings() == {}

    call_command("ledger_rotate_key", "--finish")
    after = grow()
    assert proofs_and_tiles.vkeys() == new and log_identity.seed() != old_seed
    assert not list((var_dir / "ledger").glob("next-*"))
    assert checkpoints.verify(after, new).size == 6
    with pytest.raises(NoteError, match="no trusted key has signed"):
        checkpoints.verify(after, old)
    began, ended = changes()
    assert (began["state"], began["keys"], began["size"]) == ("began", new, 2)
    assert (ended["state"], ended["keys"], ended["size"]) == ("ended", old, 4)
    assert findings() == {}

    # Whoever has the old key and what the portal serves follows to the new ones.
    told = client.get("/log/keys").json()
    assert [one["until"] for one in told["keys"]] == [4, 4, None, None]
    reached = {str(one) for one in handover.follow(told["statements"], old)}
    assert reached == {*old, *new}
    stranger = note.new_key(log_identity.origin())
    assert len(handover.follow(told["statements"], [stranger.vkey])) == 1

    # A checkpoint of after, signed by a key that has ended, is not taken.
    row = signed_state.newest_checkpoint()
    assert row is not None
    forged = sign_checkpoint(log_identity.origin(), row.size, bytes(row.root), old_seed)
    with pytest.raises(NoteError):
        keyring.read().verify(forged)
    assert keyring.read().verify(overlapping).size == 4


@contextmanager
def dying_after(writes: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Kill what runs inside after so many further durable writes of files."""
    synced, left = durable_files.sync_folder, writes

    def dying(folder: Path) -> None:
        nonlocal left
        synced(folder)
        if left == 0:
            raise KeyboardInterrupt
        left -= 1

    with monkeypatch.context() as patch:
        patch.setattr(durable_files, "sync_folder", dying)
        patch.setattr(rotation, "sync_folder", dying)
        yield


def test_a_change_that_is_killed_after_any_write_is_simply_repeated(
    var_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    grow()
    killed = 0
    for finishing in (False, True, False, True):
        step = rotation.finish if finishing else rotation.start
        for nth in range(12):
            for run in (step, sequencer.run_once):
                with dying_after(nth, monkeypatch):
                    try:
                        run()
                    except KeyboardInterrupt:
                        killed += 1
                    except rotation.RotationRefused:
                        pass  # an earlier run had done it all
            signed = grow()
            assert keyring.read().verify(signed).size > 0
            assert findings() == {}
            if (rotation.under_way(keyring.read()) is None) == finishing:
                break
        else:
            raise AssertionError("it never came to an end")
    assert killed >= 10
    assert [one["state"] for one in changes()] == ["began", "ended"] * 2
    assert findings() == {}


def test_a_place_that_cannot_be_written_refuses_before_anything_changed(
    var_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(CommandError, match="Nothing has been signed yet"):
        call_command("ledger_rotate_key")
    grow()
    before = keyring.path().read_bytes()
    monkeypatch.setattr("audit.keys.rotation.os.access", lambda *_: False)
    with pytest.raises(CommandError, match="cannot be written"):
        call_command("ledger_rotate_key")
    assert keyring.path().read_bytes() == before
    assert not list((var_dir / "ledger").glob("next-*"))
