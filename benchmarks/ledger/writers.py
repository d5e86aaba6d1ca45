"""Several writers at once: events one by one from many threads."""

from __future__ import annotations

import resource
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import fields
from multiprocessing import get_context
from typing import TYPE_CHECKING

import django

from benchmarks.resources import Spent, spent

if TYPE_CHECKING:
    from audit.recording.record import Draft

PROCESSES = 2
THREADS = 8


def record_each(drafts: Sequence[Draft]) -> None:
    """Write events one by one, as an endpoint of the portal does."""
    from audit.recording.record import Draft, record

    names = [field.name for field in fields(Draft) if field.name not in ("actor", "action")]
    for draft in drafts:
        record(draft.actor, draft.action, **{name: getattr(draft, name) for name in names})


def at_once(drafts: Sequence[Draft]) -> Spent:
    """PROCESSES of THREADS write while a sequencer runs, until all is signed; theirs and ours."""
    from audit.sequencing import sequencer, stored_tree_queries

    stop, end = threading.Event(), stored_tree_queries.stored_size() + len(drafts)
    loop = threading.Thread(target=sequencer.loop, args=(stop,), daemon=True)
    pool = ProcessPoolExecutor(PROCESSES, get_context("spawn"), initializer=django.setup)
    shares = [drafts[at::PROCESSES] for at in range(PROCESSES)]
    # Each is there, with its connections, before the clock runs.
    before = sum(pool.map(_from_threads, [share[:THREADS] for share in shares], chunksize=1))
    end += PROCESSES * THREADS
    loop.start()
    with spent() as work:
        used = sum(pool.map(_from_threads, shares, chunksize=1))
        while stored_tree_queries.stored_size() < end:
            stop.wait(0.02)
    stop.set()
    loop.join()
    pool.shutdown()
    work.cpu += used
    assert before > 0
    return work


def _from_threads(drafts: Sequence[Draft]) -> float:
    """Write, and tell the processor seconds of it."""
    began = _used()
    with ThreadPoolExecutor(THREADS) as threads:
        list(threads.map(_closing, [drafts[at::THREADS] for at in range(THREADS)]))
    return _used() - began


def _closing(drafts: Sequence[Draft]) -> None:
    from django.db import connection

    record_each(drafts)
    connection.close()


def _used() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


@contextmanager
def with_children() -> Iterator[Spent]:
    """As `spent`, with the processor time of processes that ended in the block."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with spent() as work:
        yield work
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    work.cpu += after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
