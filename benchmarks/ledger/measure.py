"""Write, sequence, prove and verify, each against a baseline of the same run.

    python -m benchmarks.ledger.measure [singles [bulk]]

Uses the database of the environment, which should be empty. Prints one JSON object a line; `ratio`
is ours by the baseline, by processor time (`cpu_s` has that of other processes we started). The
baseline of writing is the same rows, made beforehand, into the same indexed tables: the rest
is the ledger itself, so canonical bytes, commitments, words, and in bulk leaves and signature.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import secrets
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

import django

from benchmarks.ledger import bulk_write_speed as bulk_writing
from benchmarks.ledger.writers import PROCESSES, THREADS, at_once, with_children
from benchmarks.resources import Memory, Spent, spent

if TYPE_CHECKING:
    from audit.recording.record import Draft, Prepared

_TOTAL = 1_000_000  # the number that drafts are drawn from
_PROOFS = 300


def main(singles: int, bulk: int) -> None:
    """Measure."""
    from django.core.management import call_command
    from django.db import connection

    from audit.sequencing import sequencer

    call_command("migrate", verbosity=0)
    _say("engine", engine=connection.vendor, processors=len(os.sched_getaffinity(0)))
    worker = sequencer.Sequencer()
    _one_by_one(worker, singles)
    _say(
        f"append one by one, {PROCESSES} processes of {THREADS} threads, sequenced and signed",
        **at_once(_drafts(0, 4 * singles)).line(4 * singles),
    )
    bulk_writing.measure(bulk, 1)
    _commit_to_proof(worker, singles // 2)
    _inclusion()
    _verify()
    _peer(bulk)


def _drafts(first: int, end: int) -> list[Draft]:
    from benchmarks.events import drafts

    return [replace(draft, id=None, time=None) for draft in drafts(first, end, _TOTAL)]


def _rows(some: Sequence[Draft]) -> list[Prepared]:
    from audit import clock
    from audit.recording.record import prepare

    return [prepare(draft, clock.now()) for draft in some]


def _insert(rows: Sequence[Prepared]) -> None:
    from django.db import connection, transaction

    from audit.recording.record import write

    one_statement = connection.vendor == "postgresql" and len(rows) == 1
    with nullcontext() if one_statement else transaction.atomic():  # as `record` does
        write(rows)


def _one_by_one(worker: Any, many: int) -> None:
    from audit.recording.record import Draft, record

    names = [field.name for field in fields(Draft) if field.name not in ("actor", "action")]
    some, prepared = _drafts(0, many), _rows(_drafts(many, 2 * many))
    plain, ours = Spent(), Spent()
    for at in range(0, many, 100):  # in turns, so that both have the same weather
        with _adding(plain):
            for one in prepared[at : at + 100]:
                _insert([one])
        with _adding(ours):
            for draft in some[at : at + 100]:
                record(draft.actor, draft.action, **{n: getattr(draft, n) for n in names})
    _say("append one by one, the rows alone", **plain.line(many))
    _say("append one by one, record", **ours.line(many), ratio=_ratio(ours, plain))
    with spent() as sequencing:
        worker.run_once()
    _say("sequenced and signed", **sequencing.line(2 * many))


def _commit_to_proof(worker: Any, many: int) -> None:
    """Seconds from a commit to the moment at which the event has a proof, while others write."""
    from audit.proofs import proofs_and_tiles
    from audit.sequencing import sequencer
    from tests.support.recording import record_many

    stop = threading.Event()
    thread = threading.Thread(target=sequencer.loop, args=(stop,), daemon=True)
    thread.start()
    waits, until = [], time.monotonic() + 10
    some = _drafts(0, many)
    while time.monotonic() < until:
        ids = list(record_many(random.sample(some, 100), batch=100))
        committed = time.perf_counter()
        while True:
            try:
                proofs_and_tiles.proof_for(ids[-1])
                break
            except proofs_and_tiles.NotSequenced:
                time.sleep(0.01)
        waits.append(time.perf_counter() - committed)
    stop.set()
    thread.join()
    _say("commit to proof", bound_s=1.5, **_quantiles(waits))


def _inclusion() -> None:
    from audit.proofs import proofs_and_tiles
    from audit.sequencing import signed_state

    newest = signed_state.newest_checkpoint()
    assert newest is not None
    times = []
    for _ in range(_PROOFS):
        began, cpu = time.perf_counter(), time.process_time()
        proofs_and_tiles.proof_at(random.randrange(newest.size), newest)
        times.append(min(time.perf_counter() - began, max(time.process_time() - cpu, 1e-6)))
    _say("inclusion proof, processor time", size=newest.size, bound_s=0.002, **_quantiles(times))


def _verify() -> None:
    from audit.sequencing import stored_tree_queries
    from audit.verification import verify

    processes = len(os.sched_getaffinity(0))
    size = stored_tree_queries.stored_size()
    ways: dict[str, dict[str, Any]] = {
        "bytes and tree": {"tree_only": True},
        "everything": {},
        "everything, one process": {"processes": 1},
    }
    for name, how in ways.items():
        with with_children() as work:
            report = verify.run(**{"processes": processes, **how})
        assert report.ok, report.problems
        _say(f"verify: {name}", **work.line(size))
    with Memory() as memory:  # whose thread would keep the verifier from forking
        verify.run(processes=1)
    _say("verify: memory of one process", size=size, memory_mib=round(memory.peak))
    hashes = _leaves(size)
    with spent() as work:
        for leaf in hashes:
            hashlib.sha256(b"\0" + leaf).digest()
    _say("baseline: SHA-256 of every entry, in memory", **work.line(size))


def _leaves(size: int) -> list[bytes]:
    from audit.sequencing.stored_tree_queries import entry_bytes

    return [entry for first in range(0, size, 5000) for entry in entry_bytes(first, first + 5000)]


def _peer(many: int) -> None:
    """pymerkle 7 in memory: no database, no signature, no search."""
    from pymerkle import InmemoryTree

    entries = [os.urandom(900) for _ in range(many)]
    tree = InmemoryTree(algorithm="sha256")
    with spent() as work:
        for entry in entries:
            tree.append_entry(entry)
    _say("pymerkle in memory, append", **work.line(many))
    times = []
    for _ in range(_PROOFS):
        began = time.perf_counter()
        tree.prove_inclusion(random.randrange(many) + 1, many)
        times.append(time.perf_counter() - began)
    _say("pymerkle in memory, inclusion proof", size=many, **_quantiles(times))


@contextmanager
def _adding(total: Spent) -> Iterator[None]:
    with spent() as work:
        yield
    total.wall += work.wall
    total.waited += work.waited
    total.cpu += work.cpu


def _ratio(ours: Spent, baseline: Spent) -> float:
    return round(baseline.cpu / ours.cpu, 2)


def _quantiles(seconds: list[float]) -> dict[str, Any]:
    ordered = sorted(seconds)
    return {
        "measured_times": len(ordered),
        "p50_s": round(ordered[len(ordered) // 2], 5),
        "p95_s": round(ordered[int(len(ordered) * 0.95)], 5),
    }


def _say(name: str, **figures: Any) -> None:
    print(json.dumps({"measured": name, **figures}), flush=True)


if __name__ == "__main__":
    os.environ.setdefault("EVIDENCE_KEY", secrets.token_hex(32))
    django.setup()
    main(*[int(text) for text in (sys.argv[1:] + ["1000", "30000"][len(sys.argv) - 1 :])])
