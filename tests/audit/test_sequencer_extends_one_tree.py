"""The sequencer: every event one leaf, no gap, never two trees of one size."""

from __future__ import annotations

import subprocess
import sys
from base64 import b64encode
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from pathlib import Path
from uuid import UUID

import pytest
import time_machine
from django.core.management import CommandError, call_command
from django.db import connection

from audit import clock
from audit.db import process_locks
from audit.importing.lock import import_lock
from audit.keys import keyring, log_identity
from audit.ledger import checkpoint as checkpoints
from audit.ledger import merkle
from audit.models import Checkpoint, Entry, Event, EventRow, Rollup, Tile
from audit.recording.actors import SYSTEM
from audit.recording.record import record
from audit.recording.stored_event_loader import load
from audit.search import rollups
from audit.sequencing import sequencer, signed_state, stored_tree_queries
from audit.sequencing.sequencer import Sequencer
from audit.sequencing.signed_state import SequencerStopped
from tests.audit.factories import DraftFactory
from tests.audit.own_database import own_database
from tests.audit.signed import newest_checkpoint
from tests.support.recording import record_many

pytestmark = pytest.mark.django_db


def fill(n: int) -> list[UUID]:
    """Record n events."""
    return list(record_many([DraftFactory.build() for _ in range(n)]))


def test_every_event_gets_one_leaf_in_order_and_the_root_is_rfc_6962() -> None:
    ids = fill(700)
    result = Sequencer(batch=300).run_once()
    assert (result.sequenced, result.size, result.signed) == (700, 700, True)
    assert list(Entry.objects.order_by("seq").values_list("seq", "event_id")) == list(
        enumerate(ids)
    )
    leaves = [
        bytes(leaf) for leaf in Event.objects.order_by("id").values_list("leaf_hash", flat=True)
    ]
    assert result.root == merkle.root(leaves)
    assert sorted(Tile.objects.values_list("level", "n")) == [(0, 0), (0, 1)]
    assert list(EventRow.objects.order_by("seq").values_list("event", flat=True)) == ids
    for grain in rollups.GRAINS:
        assert sum(Rollup.objects.filter(grain=grain).values_list("n", flat=True)) == 700
    assert rollups.differences(1) == []


def test_each_batch_is_signed_and_each_checkpoint_verifies() -> None:
    fill(5)
    Sequencer(batch=2).run_once()
    notes = Checkpoint.objects.order_by("id").values_list("size", "note")
    assert [size for size, _ in notes] == [0, 2, 4, 5]
    for size, note in notes:
        assert checkpoints.verify(note, [log_identity.vkey()]).size == size


def test_a_tree_grown_in_runs_is_the_tree_grown_at_once() -> None:
    roots = []
    keeping = Sequencer()
    for n in (1, 254, 1, 3, 300):
        fill(n)
        roots.append(keeping.run_once().root)
        leaves = stored_tree_queries.leaf_hashes(0, 10_000)
        assert roots[-1] == merkle.root(leaves) == Sequencer().run_once().root
    assert len(set(roots)) == 5


def test_an_event_with_an_older_id_that_arrives_late_is_not_missed() -> None:
    late = clock.uuid7()
    fill(3)
    sequencer.run_once()
    record(SYSTEM, "audit.imported", id=late)
    assert sequencer.run_once().sequenced == 1
    assert load(late)["index"] == 3


def test_an_event_whose_search_row_is_gone_is_found_and_given_a_row() -> None:
    (id,) = fill(1)
    EventRow.objects.all().delete()
    assert Sequencer().run_once(sweep=False).sequenced == 0
    assert Sequencer().run_once(sweep=True).sequenced == 1
    assert EventRow.objects.get(event=id).seq == 0


def test_nothing_new_signs_nothing_until_ten_minutes_have_passed() -> None:
    fill(1)
    sequencer.run_once()
    before = Checkpoint.objects.count()
    assert sequencer.run_once().signed is False
    with time_machine.travel(clock.now() + timedelta(minutes=11)):
        assert sequencer.run_once().signed is True
    assert Checkpoint.objects.count() == before + 1


def test_a_crash_after_the_commit_is_signed_by_the_next_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fill(3)

    def crash(*args: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(signed_state, "write_state", crash)
    with pytest.raises(KeyboardInterrupt):
        sequencer.run_once()
    monkeypatch.undo()
    assert not Checkpoint.objects.exists()
    assert sequencer.run_once().signed is True
    assert newest_checkpoint().size == stored_tree_queries.stored_size()


def test_a_crash_between_state_and_signature_is_signed_by_the_next_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fill(3)
    keeping = Sequencer()
    keeping.run_once()
    fill(3)

    def crash(*args: object) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr(keyring, "sign", crash)
    with pytest.raises(KeyboardInterrupt):
        keeping.run_once()
    monkeypatch.undo()
    state = signed_state.read_state()
    assert state is not None
    assert (state.size, newest_checkpoint().size) == (6, 3)
    assert keeping.run_once().size == newest_checkpoint().size == 6


def test_a_database_behind_what_was_signed_stops_the_sequencer(var_dir: Path) -> None:
    fill(3)
    sequencer.run_once()
    signed_state.write_state(10, b"\1" * 32)
    for _ in range(2):
        with pytest.raises(SequencerStopped, match="older backup"):
            sequencer.run_once()
    assert EventRow.objects.filter(action="ledger.alarm").count() == 1
    assert "older backup" in sequencer.stopped_reason()
    assert newest_checkpoint().size == 3


def test_a_changed_leaf_stops_the_sequencer_and_a_repair_resumes_it(unguarded: None) -> None:
    fill(3)
    sequencer.run_once()
    victim = Event.objects.order_by("id").first()
    assert victim is not None
    honest = bytes(victim.leaf_hash)
    Event.objects.filter(id=victim.id).update(leaf_hash=b"\2" * 32)
    with pytest.raises(SequencerStopped) as stopped:
        sequencer.run_once()
    assert stopped.value.code == "inconsistent"
    Event.objects.filter(id=victim.id).update(leaf_hash=honest)
    assert sequencer.run_once().sequenced == 1  # the alarm itself
    assert sequencer.stopped_reason() == ""


def test_a_lost_state_file_falls_back_on_the_newest_checkpoint(
    var_dir: Path, unguarded: None
) -> None:
    fill(3)
    sequencer.run_once()
    (var_dir / "ledger" / "last-signed").unlink()
    assert sequencer.run_once().size == 3
    Checkpoint.objects.all().update(root=b"\3" * 32)
    with pytest.raises(SequencerStopped, match="newest checkpoint"):
        sequencer.run_once()


def test_another_key_is_refused_and_the_message_says_how_to_go_back(var_dir: Path) -> None:
    fill(1)
    sequencer.run_once()
    key = var_dir / "ledger" / "key"
    key.unlink()
    with pytest.raises(log_identity.LedgerIdentityError, match="restore the file it began with"):
        sequencer.run_once()
    key.write_bytes(b64encode(bytes(32)))
    with pytest.raises(SequencerStopped, match="put the key back"):
        sequencer.run_once()
    with pytest.raises(CommandError, match="put the key back"):
        call_command("sequence")


def test_another_origin_is_refused_and_the_message_says_how_to_go_back(settings: object) -> None:
    fill(1)
    sequencer.run_once()
    settings.LEDGER_ORIGIN = "other.example/log"  # type: ignore[attr-defined]
    with pytest.raises(
        log_identity.LedgerIdentityError, match=r"Set LEDGER_ORIGIN=ledger\.example/test"
    ):
        sequencer.run_once()


def test_origin_and_key_are_made_once_and_the_key_is_private(
    var_dir: Path, settings: object
) -> None:
    settings.LEDGER_ORIGIN = ""  # type: ignore[attr-defined]
    settings.PORTAL_URL = "https://audit.acme.example"  # type: ignore[attr-defined]
    assert log_identity.origin() == log_identity.origin()
    assert log_identity.origin().startswith("audit.acme.example/ata/")
    assert log_identity.seed() == log_identity.seed()
    assert (var_dir / "ledger" / "key").stat().st_mode & 0o777 == 0o600


HOLDER = """
import fcntl, sys
handle = open(sys.argv[1], "w")
fcntl.flock(handle, fcntl.LOCK_EX)
print("held", flush=True)
sys.stdin.read()
"""


def test_only_one_process_sequences_and_a_dead_holder_lets_go(var_dir: Path) -> None:
    if connection.vendor != "sqlite":
        pytest.skip("PostgreSQL locks by session")
    (var_dir / "ledger").mkdir()
    command = [sys.executable, "-c", HOLDER, str(var_dir / "ledger" / "sequencer.lock")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        fill(1)
        assert sequencer.run_once().busy is True
        assert not Entry.objects.exists()
        other.kill()
    assert sequencer.run_once().sequenced == 1


def test_a_second_database_session_finds_the_lock_taken() -> None:
    if connection.vendor != "postgresql":
        pytest.skip("SQLite locks by file")
    other = connection.copy()
    with process_locks.alone("sequencer") as held:
        assert held
        with other.cursor() as cursor:
            cursor.execute("SELECT pg_try_advisory_lock(%s)", [process_locks._KEYS["sequencer"]])
            assert cursor.fetchone() == (False,)
    with other.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [process_locks._KEYS["sequencer"]])
        assert cursor.fetchone() == (True,)
        cursor.execute("SELECT pg_advisory_unlock_all()")  # the session goes back to a pool
    other.close()


def test_rows_that_lost_their_index_keep_no_event_from_its_leaf() -> None:
    fill(12)
    sequencer.run_once()
    EventRow.objects.filter(seq__gte=2).update(seq=None)
    row = EventRow.objects.filter(seq=None).first()
    assert row is not None
    for n in range(8):
        row.event = UUID(int=n)
        row.save(force_insert=True)
    ids = fill(11)
    result = Sequencer(batch=5).run_once(sweep=False)
    assert (result.sequenced, result.size) == (11, 23)
    placed = Entry.objects.filter(seq__gte=12).order_by("seq").values_list("event", flat=True)
    assert list(placed) == ids


def in_a_thread(job: Callable[[], object]) -> None:
    """Do it with a connection of its own."""

    def closing() -> None:
        try:
            job()
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as thread:
        thread.submit(closing).result(60)


@pytest.mark.parametrize("name", ["sequencer", "import"])
def test_a_lock_ends_with_its_block_though_its_session_went_back_to_the_pool(
    tmp_path: Path, name: str
) -> None:
    if connection.vendor != "postgresql":
        pytest.skip("SQLite locks by file")
    locked = partial(process_locks.alone if name == "sequencer" else import_lock, name)

    def forgotten() -> None:
        with locked(), connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            connection.close()
            others = connection.copy()
            others.ensure_connection()  # the pool gives the session to somebody else
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_locks JOIN pg_database ON oid = database"
                " WHERE locktype = 'advisory' AND datname = current_database()"
            )
            assert cursor.fetchone() == (0,)
        others.close()
        with locked() as held:
            assert held is not False

    connection.close()
    with own_database(tmp_path):
        in_a_thread(forgotten)


def test_a_lock_is_released_by_its_session_and_the_pool_keeps_it(tmp_path: Path) -> None:
    if connection.vendor != "postgresql":
        pytest.skip("SQLite locks by file")

    def twice() -> None:
        pids = []
        for _ in range(2):
            with process_locks.alone("sequencer") as held, connection.cursor() as cursor:
                assert held
                cursor.execute("SELECT pg_backend_pid()")
                pids += cursor.fetchone()
        assert pids[0] == pids[1]

    connection.close()
    with own_database(tmp_path):
        in_a_thread(twice)


def test_a_damaged_note_of_why_it_stopped_is_a_reason_and_no_error(var_dir: Path) -> None:
    fill(1)
    sequencer.run_once()
    (var_dir / "ledger" / "stopped").write_text("{")
    assert "is damaged" in sequencer.stopped_reason()
    sequencer.run_once()
    assert sequencer.stopped_reason() == ""
