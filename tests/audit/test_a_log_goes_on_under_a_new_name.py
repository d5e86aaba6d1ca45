"""A log that was renamed before ADR 36: the drill, and who lies about it."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from typer.testing import CliRunner

from ata.cli import app
from ata.log.cosigning_server import Witness, serve
from audit import (
    clock,
    exports,
    packs,
    witnesses,
)
from audit.db import (
    durable_files,
)
from audit.evidence import (
    log_proof_levels,
)
from audit.exports import (
    full_log,
)
from audit.keys import (
    keyring,
    log_identity,
    restored_database_adoption,
    rotation,
)
from audit.ledger import checkpoint as checkpoints
from audit.ledger import note
from audit.ledger.key_transitions import log_renames
from audit.ledger.offline import export_manifest
from audit.ledger.query import EventQuery
from audit.models import Checkpoint, Entry, WitnessState
from audit.recording.actors import SYSTEM
from audit.recording.record import record
from audit.recording.stored_event_loader import load
from audit.sequencing import (
    sequencer,
    signed_state,
)
from audit.sequencing.signed_state import SequencerStopped
from audit.verification.verify import run as verified
from audit.witnesses import signing_stop
from tests.attacks.ledger.world import undone
from tests.attacks.tamper import owner
from tests.audit.factories import ADA
from tests.audit.signed import newest_checkpoint
from tests.support import renamed_log

pytestmark = pytest.mark.django_db
OLD, NEW = "ledger.example/test", "ledger.example/again"


def grow(count: int = 1) -> Checkpoint:
    for _ in range(count):
        record(SYSTEM, "external.happened", reason="something")
    sequencer.run_once()
    return newest_checkpoint()


def lose(count: int = 4) -> Checkpoint:
    """So many entries are signed, and the database comes back without them."""
    with undone():
        lost = grow(count)
    return lost


def findings() -> dict[str, str]:
    """What `verify_ledger` names, by code."""
    said: dict[str, str] = {}
    for one in verified().problems:
        if one.code != "trigger":
            said[one.code] = f"{said.get(one.code, '')} {one.message}".strip()
    return said


def rename(name: str = NEW) -> None:
    renamed_log.rename(name, "why", "me")


@pytest.fixture(autouse=True)
def minted(settings: Any) -> None:
    """The origin is the one on file, as in the embedded mode."""
    log_identity.origin()
    settings.LEDGER_ORIGIN = ""


@pytest.fixture
def witness(tmp_path: Path, settings: Any) -> Iterator[Callable[..., None]]:
    """Tells the witness at work which keys of this log it trusts, and that it is due."""
    one = Witness(tmp_path / "witness", "w.example", [])
    server = serve(one, "127.0.0.1", 0)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()

    def tell(*vkeys: str) -> None:
        one._logs = tuple(map(note.parse_vkey, vkeys))
        settings.LEDGER_POLICY_FILE = tmp_path / "policy"
        url = f"http://127.0.0.1:{server.server_port}"
        settings.LEDGER_POLICY_FILE.write_text(
            f"log {vkeys[0]}\nwitness w {one.vkey} {url}\nquorum w\n"
        )
        WitnessState.objects.update(due=None)

    yield tell
    server.shutdown()
    server.server_close()
    one.close()


def ata_verify(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["verify", *arguments])
    return done.exit_code, done.output


def test_the_whole_drill(
    tmp_path: Path, settings: Any, client: Client, witness: Callable[..., None]
) -> None:
    """Backup, more entries, an older restore, a new name, and everybody follows or is told."""
    settings.LEDGER_ORIGIN = OLD
    kept = grow(5)
    old_key = log_identity.vkey()
    witness(old_key)
    assert witnesses.push_due() == 1 and log_proof_levels.current().level(3) == "L2"
    event = Entry.objects.get(seq=2).event_id
    selection = packs.of_event(load(event))
    (tmp_path / "old.zip").write_bytes(packs.build(selection, clock.now(), lambda _: True).body)
    (tmp_path / "early.note").write_text(kept.note)
    with undone():
        lost = grow(4)
        assert witnesses.push_due() == 1
    (tmp_path / "late.note").write_text(lost.note)
    record(SYSTEM, "external.happened")  # waits, older than the adoption
    with pytest.raises(SequencerStopped, match="ledger_adopt"):
        sequencer.run_once()

    rename()
    with pytest.raises(
        log_identity.LedgerIdentityError, match=f"still names {OLD}.*LEDGER_ORIGIN={NEW}"
    ):
        sequencer.run_once()
    settings.LEDGER_ORIGIN = NEW
    result = sequencer.run_once()
    assert result.signed and result.size > 5
    first = Entry.objects.get(seq=5).event
    data = json.loads(bytes(first.entry))["data"]
    assert json.loads(bytes(first.entry))["action"] == "ledger.adopted"
    assert data["origin"] == {"old": OLD, "new": NEW}
    assert (data["database"]["size"], data["signed"]["size"]) == (5, 9)
    (move,) = log_renames.trail([data["statement"]], [old_key]).moves
    assert "5 entries; 9 had been signed: the last 4 of them were LOST" in move.words
    assert (move.kept.root, move.last.root) == (bytes(kept.root), bytes(lost.root))
    assert findings() == {}
    assert (settings.VAR_DIR / "ledger" / "last-signed").read_text().split()[2] == NEW

    # The witness of before refuses until it is told; then it follows again.
    assert witnesses.push_due() == 0
    row = WitnessState.objects.get()
    assert row.state == WitnessState.State.REFUSES and "404" in row.detail
    assert log_proof_levels.current().level(3) == "L1"
    new_key = log_identity.vkey()
    witness(new_key, old_key)
    assert witnesses.push_due() == 1 and log_proof_levels.current().level(5) == "L2"
    assert sequencer.run_once() and findings() == {}

    # What was handed out of the old name holds by its key; what is of the new one by its own.
    (tmp_path / "new.zip").write_bytes(
        packs.build(packs.of_event(load(event)), clock.now(), lambda _: True).body
    )
    (tmp_path / "log.ndjson").write_bytes(b"".join(full_log.hand_out(ADA, newest_checkpoint())))
    history = tmp_path / "keys.json"
    history.write_bytes(client.get("/log/keys").content)
    old, new = str(tmp_path / "old.zip"), str(tmp_path / "new.zip")
    log, late, early = (str(tmp_path / n) for n in ("log.ndjson", "late.note", "early.note"))
    assert ata_verify(old, "--vkey", old_key)[0] == 0
    assert ata_verify(new, "--vkey", new_key)[0] == 0
    for brought in ((), ("--key-history", str(history))):  # the pack brings it too
        code, told = ata_verify(new, "--vkey", old_key, *brought)
        assert code == 0 and "the last 4 of them were LOST" in told
    code, told = ata_verify(new, "--vkey", new_key)
    assert code == 0 and "the last 4 of them were LOST" in told
    code, told = ata_verify(log, "--vkey", old_key, "--key-history", str(history), "--since", early)
    assert code == 0 and "LOST" in told
    code, told = ata_verify(log, "--vkey", old_key, "--key-history", str(history), "--since", late)
    assert code == 1 and "goes on with 5: 4 are LOST" in told
    job = exports.request(ADA, EventQuery.from_bar("action:external.*"), "ndjson")
    (tmp_path / "e.ndjson").write_bytes(b"".join(exports.stream(job.id)))
    job.refresh_from_db()
    (tmp_path / "m.json").write_text(json.dumps(exports.manifest_of(job)))
    asked = (str(tmp_path / "m.json"), str(tmp_path / "e.ndjson"))
    for who in ((new_key,), (old_key,), (old_key, "--key-history", str(history))):
        code, told = ata_verify(*asked, "--vkey", *who)
        assert code == 0 and "were LOST" in told
    manifest = exports.manifest_of(job)
    assert manifest == exports.manifest_of(job), "the same bytes each time"
    said = manifest["key_statements"][-1]
    for unfit in (said.replace(" lost\n", " held\n"), said.replace("last 9", "last 6"), 7, ""):
        bent = {**manifest, "key_statements": [unfit]}
        signed = note.sign(export_manifest.statement(bent), NEW, log_identity.seed())
        (tmp_path / "m.json").write_text(json.dumps(bent | {"signed": signed}))
        for key in (old_key, new_key):
            code, told = ata_verify(*asked, "--vkey", key)
            assert code == 1 and "✗ What former keys signed of this log fits" in told
    silent = {name: value for name, value in manifest.items() if name != "key_statements"}
    silent["signed"] = note.sign(export_manifest.statement(silent), NEW, log_identity.seed())
    (tmp_path / "m.json").write_text(json.dumps(silent))
    assert ata_verify(*asked, "--vkey", old_key)[0] == 1
    # Nothing of the old name can be signed here any more, and the new name can change its keys.
    assert old_key not in dict(keyring._held())
    rotation.start()
    grow()
    rotation.finish()
    grow()
    assert findings() == {}


def test_an_objection_to_the_old_name_holds_up_nothing_under_the_new_one_and_stays_told(
    witness: Callable[..., None],
) -> None:
    head = grow(3)
    old_key = log_identity.vkey()
    witness(old_key)
    with undone():
        grow(2)
        witnesses.push_due()
    state = log_identity.folder() / "last-signed"
    signed_state.write_state(head.size, bytes(head.root))  # the whole house came back from a backup
    grow(1)
    assert state.read_text().startswith("4 ") and witnesses.push_due() == 0
    with pytest.raises(SequencerStopped, match="objects"):
        sequencer.run_once()
    rename()
    assert sequencer.run_once().signed and signing_stop.reason() == ""
    made = restored_database_adoption.made_so_far()[-1]
    assert "has cosigned 5 entries" in made.objection and (made.size, made.signed_size) == (4, 4)
    assert "all of them are in it" in log_renames.parse(made.statement).words
    # A worker that was in the middle of asking writes what it heard about the old name.
    WitnessState.objects.update(state=WitnessState.State.CONFLICT, detail="of the old name")
    durable_files.write_durably(
        log_identity.folder() / "witness-conflict",
        json.dumps({"message": "x", "origin": OLD}).encode(),
    )
    record(SYSTEM, "external.happened")
    assert sequencer.run_once().signed
    witness(log_identity.vkey())
    assert witnesses.push_due() == 1 and signing_stop.reason() == ""
    assert findings() == {}


def test_after_an_ordinary_adoption_the_log_need_not_wait_for_its_old_size() -> None:
    grow(3)
    lost = lose(50)
    restored_database_adoption.adopt("the disk is gone", "me")
    assert grow(2).size == 3  # waits for more than 53
    rename()
    assert sequencer.run_once().signed
    made = restored_database_adoption.made_so_far()
    assert [one.signed_size for one in made] == [lost.size, lost.size]
    assert signed_state.is_former(newest_checkpoint()) is False
    assert restored_database_adoption.floor() == -1 and findings() == {}


def test_a_new_name_that_loses_entries_too_is_adopted_or_renamed_again() -> None:
    grow(3)
    lose(2)
    rename()
    with undone():
        sequencer.run_once()
        grow(6)
    restored_database_adoption.adopt("and again", "me")  # the database has nothing of the new name
    assert sequencer.run_once().sequenced == 2
    grow(12)
    assert findings() == {}
    lose(1)
    rename("ledger.example/third")
    grow()
    assert findings() == {}
    assert keyring.read().names == (OLD, NEW, "ledger.example/third")


def test_a_database_of_before_the_new_name_is_not_signed_silently() -> None:
    """The name has begun and signed nothing: it is bound to what its statement says."""
    grow(2)
    with undone():
        grow(2)
        lose(2)
        rename()
    with pytest.raises(SequencerStopped, match="the database holds 2 entries but the statement"):
        sequencer.run_once()
    assert "truncated" in findings()
    restored_database_adoption.adopt("the backup of the backup", "me")
    grow(4)
    assert findings() == {}


def test_a_change_of_keys_under_way_ends_with_the_old_name() -> None:
    grow(2)
    rotation.start()
    lose(2)
    before = keyring.read().current
    assert len(before) == 4
    rename()
    sequencer.run_once()
    assert len(keyring.read().current) == 2
    assert not list(log_identity.folder().glob("next-*"))
    rotation.start()
    assert not {one.key.public_key for one in before} & {
        one.key.public_key for one in keyring.read().current
    }
    grow()
    assert findings() == {}


# Who lies about it


def test_a_name_without_a_word_of_the_old_keys_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    grow(3)
    lose(2)
    rename()
    grow()
    ring, state = keyring.read(), (log_identity.folder() / "last-signed").read_text()
    # The statement is taken away: nobody vouches for the new keys, and the log tells of more.
    keyring.write(keyring.Keyring(ring.periods, ()))
    assert "goes on as" in findings()["key"]
    keyring.write(ring)
    # It is bent to hide the loss.
    hiding = ring.statements[0].replace(" lost\n", " held\n")
    keyring.write(keyring.Keyring(ring.periods, (hiding,)))
    assert "the set of keys was swapped" in findings()["key"]
    keyring.write(ring)
    # The old name is put back, to sign a size of it again.
    (log_identity.folder() / "origin").write_text(f"{OLD}\n")
    with pytest.raises(log_identity.LedgerIdentityError, match="is of the log"):
        sequencer.run_once()
    assert "key" in findings()
    (log_identity.folder() / "origin").write_text(f"{NEW}\n")
    # The state of the old name says nothing about the new one.
    (log_identity.folder() / "last-signed").write_text("3 " + state.split()[1] + "\n")
    assert "last-signed" in findings()["state"]
    (log_identity.folder() / "last-signed").write_text(state)
    # The file of adoptions is emptied, or tells of no loss.
    made = restored_database_adoption.made_so_far()
    restored_database_adoption.write([])
    assert "the log has an adoption" in findings()["state"]
    restored_database_adoption.write(made)
    assert findings() == {}


@pytest.mark.usefixtures("unguarded")
def test_a_checkpoint_of_the_old_name_is_not_signed_again_below_the_new_one() -> None:
    grow(3)
    seeds = {str(one.key): one for one in keyring.signers()}
    lose(2)
    rename()
    row = grow()
    text = checkpoints.format(OLD, row.size, bytes(row.root))
    lines = "".join(one.line(text, int(clock.now().timestamp())) for one in seeds.values())
    # A copy of the old keys signs a size of which they signed another tree.
    owner.overwrite(Checkpoint, row.pk, "note", f"{text}\n{lines}")
    assert "goes on no more from 3 entries on" in findings()["checkpoint"]
