"""Verification of a log of any size, by one process and by two; fills the database where it must.

    python -m benchmarks.ledger.verifying [entries [processes]]

Uses the database of the environment. Prints one JSON object a line. `rows_per_s` is by the clock,
`rows_per_cpu_s` by processor time, our own processes' alone: PostgreSQL's is not in it.
`memory_mib` is the most private memory of a process (RssAnon), the parent or one it forked.

The peer is pymerkle in memory, given the same entries; its root is compared with ours. Everything:
also each opening, search row, posting of the index, count, and rows of no entry.
"""

from __future__ import annotations

import json
import os
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import batched
from typing import Any

import django

from benchmarks.ledger.writers import with_children
from benchmarks.resources import Family, spent

_STEP = 2000


def main(size: int, processes: int) -> None:
    """Measure."""
    from django.core.management import call_command
    from django.db import connection

    call_command("migrate", verbosity=0)
    _say("engine", engine=connection.vendor, processors=len(os.sched_getaffinity(0)))
    _fill(size)
    peer = _peer()
    for many in sorted({1, processes}):
        cpu = _verified(f"bytes and tree, processes: {many}", processes=many, tree_only=True)
        _say(f"bytes and tree, processes: {many}, by the peer", ratio=round(peer / cpu, 2))
    for many in sorted({1, processes}):
        _verified(f"everything, processes: {many}", processes=many)


def _fill(size: int) -> None:
    """Bring the log to `size` entries."""
    from audit.ingest.bulk_event_writer import Ingest, made
    from audit.recording.record import prepared
    from audit.sequencing import stored_tree_queries
    from benchmarks.events import drafts
    from benchmarks.filling import tidy

    writer = Ingest()
    writer.run_once(sweep=False)  # a log that was never signed takes no leaves with its rows
    there = stored_tree_queries.stored_size()
    if there < size:
        with _measured() as (work, family):
            for some in batched(drafts(there, size, size), _STEP):
                writer.write(made(prepared(some)))
        _say("filled", **work.line(size - there), memory_mib=round(family.peak))
        tidy()


def _peer() -> float:
    """Processor seconds of pymerkle for the tree of the same entries, read beforehand."""
    from pymerkle import InmemoryTree

    from audit.ledger import tiles
    from audit.sequencing import stored_tree_queries

    size = stored_tree_queries.stored_size()
    entries = [
        entry
        for first in range(0, size, _STEP)
        for entry in stored_tree_queries.entry_bytes(first, min(first + _STEP, size))
    ]
    peer = InmemoryTree(algorithm="sha256")
    with spent() as work:
        for entry in entries:
            peer.append_entry(entry)
        root = peer.get_root()
    assert root == tiles.root(stored_tree_queries.read_tile, size)
    _say("pymerkle in memory", **work.line(size))
    return work.cpu


def _verified(name: str, **how: Any) -> float:
    """Processor seconds."""
    from audit.verification import verify

    with _measured() as (work, family):
        report = verify.run(**how)
    assert report.ok, report.problems
    _say(name, **work.line(report.size), memory_mib=round(family.peak))
    return float(work.cpu)


@contextmanager
def _measured() -> Iterator[Any]:
    with Family() as family, with_children() as work:
        yield work, family


def _say(name: str, **figures: Any) -> None:
    print(json.dumps({"measured": name, **figures}), flush=True)


if __name__ == "__main__":
    os.environ.setdefault("EVIDENCE_KEY", secrets.token_hex(32))
    django.setup()
    given = [int(text.replace("_", "").replace(",", "")) for text in sys.argv[1:]]
    main(*(given + [200_000, 2][len(given) :]))
