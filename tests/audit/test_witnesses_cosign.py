"""Witnesses over HTTP: who cosigns, who counts, and what happens when one has seen other things."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from http.server import ThreadingHTTPServer
from inspect import signature
from pathlib import Path

import pytest
from django.core.cache import cache
from django.db import connection
from django.test.utils import CaptureQueriesContext

from ata.log.cosigning_server import Witness, serve
from audit import (
    clock,
    witnesses,
)
from audit.evidence import (
    log_proof_levels,
)
from audit.keys import (
    keyring,
    log_identity,
)
from audit.ledger import checkpoint as checkpoints
from audit.ledger import cosignature, merkle, note, trust_policy
from audit.ledger.offline.proof_check import verify_proof_file
from audit.models import Checkpoint, Cosignature, EventRow, WitnessState
from audit.proofs import (
    proofs_and_tiles,
)
from audit.sequencing import (
    sequencer,
    signed_state,
)
from audit.sequencing.sequencer import SequencerStopped
from audit.verification import (
    continuous,
    verify,
)
from audit.witnesses import quorum
from tests.audit.browsing import browser_of, text_of
from tests.audit.factories import ADA, DraftFactory
from tests.audit.signed import newest_checkpoint
from tests.support.recording import record_many
from tests.support.signed import sign_checkpoint

pytestmark = pytest.mark.django_db


class Somebody(Witness):
    """A witness that runs at `url` until the test ends."""

    url = ""
    server: ThreadingHTTPServer


@pytest.fixture
def witness(tmp_path: Path) -> Iterator[Callable[[str], Somebody]]:
    running: list[Somebody] = []

    def start(name: str) -> Somebody:
        log_identity.seed()
        one = Somebody(tmp_path / name, name, [note.parse_vkey(log_identity.vkey())])
        one.server = serve(one, "127.0.0.1", 0)
        one.url = f"http://127.0.0.1:{one.server.server_port}"
        threading.Thread(target=one.server.serve_forever, args=(0.01,), daemon=True).start()
        running.append(one)
        return one

    yield start
    for one in running:
        one.server.shutdown()
        one.server.server_close()
        one.close()


@pytest.fixture
def trust(tmp_path: Path, settings: object) -> Callable[..., trust_policy.Policy]:
    """Writes the portal's policy: all of these witnesses, so many of which make the quorum."""

    def write(*all_of: Witness, quorum: str = "all", urls: bool = True) -> trust_policy.Policy:
        lines = [f"log {log_identity.vkey()}"]
        for one in all_of:
            url = f" {getattr(one, 'url', '')}" if urls else ""
            lines.append(f"witness {one.name} {one.vkey}{url}")
        lines.append(f"group enough {quorum} {' '.join(one.name for one in all_of)}")
        text = "\n".join([*lines, "quorum enough", ""])
        path = tmp_path / "policy"
        path.write_text(text)
        settings.LEDGER_POLICY_FILE = path  # type: ignore[attr-defined]
        return trust_policy.parse(text)

    return write


def grow(n: int = 3) -> Checkpoint:
    list(record_many([DraftFactory.build() for _ in range(n)]))
    sequencer.run_once()
    return newest_checkpoint()


def state_of(one: Somebody) -> WitnessState:
    return WitnessState.objects.get(url=one.url)


def now_due() -> None:
    WitnessState.objects.update(due=None)


def test_each_new_tree_is_cosigned_and_proves_that_others_saw_it(
    witness: Callable[[str], Somebody], trust: Callable[..., trust_policy.Policy]
) -> None:
    first, second = witness("one.example/w"), witness("two.example/w")
    mine = trust(first, second)
    head = grow(5)
    assert log_proof_levels.current().level(4) == "L1"
    assert witnesses.push_due() == 2
    assert log_proof_levels.current().level(4) == "L2"
    assert witnesses.push_due() == 0  # nothing new to say
    later = grow(300)
    assert (
        log_proof_levels.current().level(4) == "L2"
        and log_proof_levels.current().level(300) == "L1"
    )
    id = EventRow.objects.get(seq=2).event
    # Until the newer tree is cosigned the proof leads to the one that is.
    assert checkpoints.parse(proofs_and_tiles.proof_for(id).split("\n\n", 1)[1]).size == head.size
    assert witnesses.push_due() == 2
    report = verify_proof_file(
        proofs_and_tiles.proof_for(id), proofs_and_tiles.entry_of(id), policy=mine
    )
    assert report.ok and report.checkpoint and report.checkpoint.size == later.size
    assert not any("same log" in line for line in report.not_proven)


def test_below_the_quorum_an_event_is_not_witnessed(
    witness: Callable[[str], Somebody], trust: Callable[..., trust_policy.Policy]
) -> None:
    first, second, third = (witness(f"{name}.example/w") for name in ("one", "two", "three"))
    trust(first, second, third, quorum="2")
    second.server.shutdown()
    second.server.server_close()
    third.server.shutdown()
    third.server.server_close()
    grow()
    assert witnesses.push_due() == 1
    assert witnesses.witnessed_size() == 0
    assert state_of(second).state == WitnessState.State.AWAY
    assert state_of(second).due is not None  # it is left alone for a moment
    assert "2 of 3 witnesses silent" in text_of(strip())


def test_a_witness_with_the_key_of_the_log_counts_for_nobody(
    tmp_path: Path, witness: Callable[[str], Somebody], trust: Callable[..., trust_policy.Policy]
) -> None:
    ours = witness("ours.example/w")
    ours._seed = log_identity.seed()
    trust(ours, quorum="any")
    grow()
    assert witnesses.push_due() == 1
    assert Cosignature.objects.count() == 1
    assert witnesses.witnessed_size() == 0
    page = text_of(browser_of(ADA).get("/audit/ledger/"))
    assert "counts for no one" in page


def test_a_signature_that_the_policy_does_not_know_is_not_kept(
    witness: Callable[[str], Somebody], trust: Callable[..., trust_policy.Policy], settings: object
) -> None:
    known, stranger = witness("one.example/w"), witness("stranger.example/w")
    trust(known)
    settings.LEDGER_WITNESS_URLS = stranger.url  # type: ignore[attr-defined]
    grow()
    assert witnesses.push_due() == 1
    assert list(Cosignature.objects.values_list("name", flat=True)) == ["one.example/w"]
    assert state_of(stranger).state == WitnessState.State.REFUSES
    assert "refuses this log" in text_of(strip())


def test_a_witness_that_knows_more_than_this_database_stops_the_signing(
    witness: Callable[[str], Somebody], trust: Callable[..., trust_policy.Policy]
) -> None:
    """The whole house was restored, the last-signed state with it, or somebody runs a copy."""
    one = witness("one.example/w")
    trust(one)
    grow(3)
    witnesses.push_due()
    sees_another_history(one, 9)
    grow(1)
    assert witnesses.push_due() == 0
    assert state_of(one).state == WitnessState.State.CONFLICT
    list(record_many([DraftFactory.build()]))
    with pytest.raises(SequencerStopped, match=r"one\.example/w objects.*9 entries"):
        sequencer.run_once()
    assert EventRow.objects.filter(action="ledger.alarm").count() == 1
    assert "signing has stopped: the witness one.example/w objects" in text_of(strip())


def test_another_history_of_the_same_length_stops_it_too_and_agreement_starts_it_again(
    witness: Callable[[str], Somebody], trust: Callable[..., trust_policy.Policy]
) -> None:
    one = witness("one.example/w")
    trust(one)
    grow(3)
    witnesses.push_due()
    seen = kept(one).read_text()
    sees_another_history(one, 4)
    grow(2)
    witnesses.push_due()
    with pytest.raises(SequencerStopped, match="not a part of this tree"):
        sequencer.run_once()
    kept(one).write_text(seen)  # whoever runs the witness was wrong, and says so
    now_due()
    assert witnesses.push_due() == 1
    list(record_many([DraftFactory.build()]))
    assert sequencer.run_once().signed
    assert state_of(one).state == WitnessState.State.OK


def test_the_strip_is_red_within_five_seconds_of_a_witness_that_saw_something_else(
    witness: Callable[[str], Somebody], trust: Callable[..., trust_policy.Policy]
) -> None:
    """The worker's loop as it paces itself, and the strip as it is cached.

    Counted are rounds: how long a round takes beside its pause is a question of the machine.
    """
    pause = signature(witnesses.loop).parameters["pause_s"].default
    one = witness("one.example/w")
    trust(one)
    grow(3)
    witnesses.push_due()
    cache.clear()
    browser = browser_of(ADA)
    assert "Witnesses vouch for the first 3." in text_of(browser.get("/audit/ledger/"))
    sees_another_history(one, 4)
    grow(2)
    waited = 0.0
    while "one.example/w has seen another history" not in text_of(browser.get("/audit/ledger/")):
        assert waited < 5
        witnesses.push_due()
        time.sleep(pause)
        waited += pause
    assert log_proof_levels.current().level(4) == "L1"  # nobody vouches for what came since


def test_a_witness_that_lost_our_memory_of_it_is_asked_where_it_is(
    witness: Callable[[str], Somebody], trust: Callable[..., trust_policy.Policy]
) -> None:
    one = witness("one.example/w")
    trust(one)
    grow(3)
    witnesses.push_due()
    WitnessState.objects.all().delete()
    grow(4)
    assert witnesses.push_due() == 1
    assert state_of(one).size == 7


def test_addresses_without_keys_and_broken_policies_are_said(
    tmp_path: Path, settings: object
) -> None:
    settings.LEDGER_WITNESS_URLS = "https://witness.example/"  # type: ignore[attr-defined]
    grow(1)
    assert "without LEDGER_POLICY_FILE" in witnesses.configured().problem
    broken = tmp_path / "broken"
    broken.write_text("witness one\n")
    settings.LEDGER_POLICY_FILE = broken  # type: ignore[attr-defined]
    assert "line 1" in witnesses.configured().problem
    assert witnesses.push_due() == 0
    assert "LEDGER_POLICY_FILE cannot be used" in text_of(browser_of(ADA).get("/audit/ledger/"))


def kept(one: Somebody) -> Path:
    (path,) = one._folder.glob("*.checkpoint")
    return path


def sees_another_history(one: Somebody, size: int) -> None:
    """The witness has cosigned a tree of so many other entries, which this log's key signed too."""
    leaves = [merkle.leaf_hash(bytes([n])) for n in range(size)]
    signed = sign_checkpoint(log_identity.origin(), size, merkle.root(leaves), log_identity.seed())
    kept(one).write_text(signed)


def strip() -> object:
    cache.clear()
    return browser_of(ADA).get("/audit/ledger/")


def test_the_newest_head_is_what_is_pushed(
    witness: Callable[[str], Somebody], trust: Callable[..., trust_policy.Policy]
) -> None:
    one = witness("one.example/w")
    trust(one)
    for n in (1, 255, 1):
        grow(n)
    assert witnesses.push_due() == 1
    newest = signed_state.newest_checkpoint()
    assert newest is not None and state_of(one).size == newest.size == 257


def test_of_one_tree_and_witness_one_cosignature_is_kept_however_often_it_signs(
    witness: Callable[[str], Somebody],
    trust: Callable[..., trust_policy.Policy],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    trust(witness("one.example/w"), witness("two.example/w"))
    monkeypatch.setattr("audit.witnesses.pushing.AGAIN", timedelta(0))
    grow(3)
    for _ in range(4):
        assert witnesses.push_due() == 2
    assert Cosignature.objects.count() == 2
    assert WitnessState.objects.filter(state=WitnessState.State.OK).count() == 2
    grow(1)
    witnesses.push_due()
    assert Cosignature.objects.count() == 4


def test_a_cosignature_that_arrived_when_our_clock_was_wrong_holds(
    witness: Callable[[str], Somebody],
    trust: Callable[..., trust_policy.Policy],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    trust(witness("one.example/w"))
    grow(3)
    now = clock.now()
    with monkeypatch.context() as wrong:
        wrong.setattr("audit.clock.now", lambda: now + timedelta(days=365))
        assert witnesses.push_due() == 1
    assert verify.run().problems == ()


def cosigned(checkpoint: Checkpoint, many: int) -> None:
    """Cosignatures of one tree by a witness that nobody named."""
    now = int(clock.now().timestamp())
    line = cosignature.sign(checkpoint.note, "other.example/w", bytes(32), now).strip()
    row = {"size": checkpoint.size, "root": checkpoint.root, "name": "other.example/w"}
    Cosignature.objects.bulk_create(
        Cosignature(**row, line=line, created=clock.now()) for _ in range(many)
    )


def asked_in_a_round() -> int:
    """How many questions one round asks the database."""
    with CaptureQueriesContext(connection) as asked:
        continuous.Rounds().turn(budget_s=60)
    return len(asked)


def test_a_round_does_not_grow_with_the_cosignatures_that_were_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(continuous, "REST", timedelta(0))
    head = grow(3)
    cosigned(head, 300)
    asked_in_a_round()  # the first one of a process reads the enrolments of the whole log
    few = asked_in_a_round()
    cosigned(head, 3000)
    assert asked_in_a_round() == few


def test_a_round_does_not_grow_with_the_checkpoints_that_were_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(continuous, "REST", timedelta(0))
    monkeypatch.setattr(
        "audit.verification.checks.tree_and_signed_checkpoints._SHARE", 10, raising=False
    )
    monkeypatch.setattr(
        "audit.verification.checks.tree_and_signed_checkpoints._NEWEST", 5, raising=False
    )
    verified: list[int] = []
    real = keyring.Keyring.verify

    def counted(ring: keyring.Keyring, signed: str | note.Note) -> checkpoints.Checkpoint:
        verified.append(1)
        return real(ring, signed)

    for _ in range(60):
        grow(1)
    monkeypatch.setattr(keyring.Keyring, "verify", counted)
    worker = continuous.Rounds()
    worker.turn(budget_s=60)
    assert len(verified) <= 20, "a share and the newest"
    for _ in range(7):
        worker.turn(budget_s=60)
    assert len(verified) >= 61, "and each in one round of some"


def test_an_old_cosignature_that_does_not_hold_is_met_by_a_round_of_some(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(continuous, "REST", timedelta(0))
    monkeypatch.setattr("audit.verification.checks.orphans._SHARE", 4, raising=False)
    monkeypatch.setattr("audit.verification.checks.orphans._NEWEST", 2, raising=False)
    head = grow(3)
    cosigned(head, 9)
    Cosignature.objects.create(size=99, root=bytes(32), name="x", line="x", created=clock.now())
    cosigned(head, 9)
    assert [p.code for p in verify.run().problems] == ["cosignature"]
    worker = continuous.Rounds()
    for _ in range(12):
        worker.turn(budget_s=60)
    assert "of a tree that we never signed" in continuous.alarm()


def test_finding_the_witnessed_tree_does_not_grow_with_the_cosignatures_that_were_kept(
    witness: Callable[[str], Somebody], trust: Callable[..., trust_policy.Policy]
) -> None:
    if connection.vendor != "sqlite":
        pytest.skip("only SQLite counts the steps of a query")
    one, two = witness("one.example/w"), witness("two.example/w")
    trust(one, two)
    head = grow(3)
    assert witnesses.push_due() == 2
    newest = grow(1)
    pushed = {row.name: row for row in Cosignature.objects.filter(size=head.size)}
    assert len(pushed) == 2

    def kept(first: int, many: int) -> None:
        """Older trees that both cosigned, and newer ones that only one did."""
        for row in pushed.values():
            rows = (
                Cosignature(
                    name=row.name, size=-n, root=row.root, line=row.line, created=row.created
                )
                for n in range(first, first + many)
            )
            Cosignature.objects.bulk_create(rows)
        only = pushed[one.name]
        Cosignature.objects.bulk_create(
            Cosignature(
                name=one.name,
                size=newest.size + n,
                root=only.root,
                line=only.line,
                created=only.created,
            )
            for n in range(first, first + many)
        )

    def steps() -> int:
        counted = [0]
        connection.connection.set_progress_handler(lambda: counted.append(0), 100)
        try:
            found = witnesses.witnessed_checkpoint()
        finally:
            connection.connection.set_progress_handler(None, 0)
        assert found is not None and found.size == head.size
        return len(counted)

    kept(1, 20)
    few = steps()
    kept(100, 5000)
    assert steps() <= 2 * few + 10


def kept_of(row: Cosignature, sizes: Iterable[int]) -> None:
    """More cosignatures of the same witness, of trees of these sizes."""
    Cosignature.objects.bulk_create(
        Cosignature(name=row.name, size=n, root=row.root, line=row.line, created=row.created)
        for n in sizes
    )


def test_witnesses_that_sign_in_turns_do_not_make_the_search_long(
    witness: Callable[[str], Somebody], trust: Callable[..., trust_policy.Policy]
) -> None:
    trust(witness("one.example/w"), witness("two.example/w"))
    head = grow(3)
    assert witnesses.push_due() == 2
    one, two = Cosignature.objects.filter(size=head.size).order_by("name")
    kept_of(one, range(head.size + 1, head.size + 2_001, 2))
    kept_of(two, range(head.size + 2, head.size + 2_001, 2))
    with CaptureQueriesContext(connection) as asked:
        found = witnesses.witnessed_checkpoint()
    assert found is not None and found.size == head.size
    assert len(asked) <= 4 * quorum.MOST_STEPS


def test_rows_that_no_witness_signed_do_not_make_the_search_long(
    witness: Callable[[str], Somebody], trust: Callable[..., trust_policy.Policy]
) -> None:
    trust(witness("one.example/w"), witness("two.example/w"))
    head = grow(3)
    assert witnesses.push_due() == 2
    planted = range(head.size + 1, head.size + 501)
    for row in list(Cosignature.objects.filter(size=head.size)):
        kept_of(row, planted)
    with CaptureQueriesContext(connection) as asked:
        assert witnesses.witnessed_checkpoint() is None
    assert len(asked) <= 5 * quorum.MOST_TRIED
