"""Verification of a log of any size, by one process and by two; fills the database where it must.

    python -m benchmarks.ledger.verifying [entries [processes]]

Uses the database of the environment. Prints one JSON object a line. `rows_per_s` is by the clock,
`rows_per_cpu_s` by processor time, our own processes' alone: PostgreSQL's is not in it.
`memory_mib` is the most that a process held of its own (RssAnon), the parent or one it forked.

With columns: the entries, the tree and all rows beside them. Everything: the index of words, the
counts and rows of no entry, too. The log is at rest; `grown` is everything after one more event,
when the index of words has other bytes.
"""

from __future__ import annotations

import json
import os
import secrets
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, nullcontext
from itertools import batched
from typing import Any

import django

from benchmarks.ledger.writers import with_children
from benchmarks.resources import Family

type Checked = tuple[int, int]  # entries, and how many of them were recognised

_STEP = 2000


def main(size: int, processes: int) -> None:
    """Measure."""
    from django.core.management import call_command
    from django.db import connection

    from audit.actor import SYSTEM
    from audit.ingest import Ingest
    from audit.record import record

    call_command("migrate", verbosity=0)
    _say("engine", engine=connection.vendor, processors=len(os.sched_getaffinity(0)))
    _fill(size)
    ways: list[tuple[str, Callable[[int], Checked]]] = [
        ("bytes and tree", lambda many: _verified(processes=many, tree_only=True)),
        ("bytes, tree and columns", _columns),
        ("everything", lambda many: _verified(processes=many)),
    ]
    for name, how in ways:
        for many in sorted({1, processes}):
            _run(f"{name}, processes: {many}", how, many)
    record(SYSTEM, "audit.verified")
    Ingest().run_once(sweep=False)
    _run(f"everything, grown, processes: {processes}", ways[-1][1], processes)


def _fill(size: int) -> None:
    """Bring the log to `size` entries, all of them verified and remembered."""
    from audit import tree, verify
    from audit.ingest import Ingest, made
    from audit.record import prepared
    from benchmarks.events import drafts

    writer = Ingest()
    writer.run_once(sweep=False)  # a log that was never signed takes no leaves with its rows
    there = tree.stored_size()
    if there < size:
        with _measured() as (work, family):
            for some in batched(drafts(there, size, size), _STEP):
                writer.write(made(prepared(some)))
        _say("filled", **work.line(size - there), memory_mib=round(family.peak))
        _tidy()
    with _measured() as (work, family):
        report = verify.run(processes=len(os.sched_getaffinity(0)))
    assert report.ok, report.problems
    line = work.line(report.size)
    _say("first", recognised=report.recognised, **line, memory_mib=round(family.peak))


def _tidy() -> None:
    from benchmarks.filling import tidy

    tidy()


def _run(name: str, how: Callable[[int], Checked], processes: int) -> None:
    with _measured() as (work, family):
        size, recognised = how(processes)
    line = work.line(size)
    _say(name, recognised=recognised, **line, memory_mib=round(family.peak))


def _verified(**how: Any) -> Checked:
    from audit import verify

    report = verify.run(**how)
    assert report.ok, report.problems
    return report.size, report.recognised


def _columns(processes: int) -> Checked:
    """What `verify.run` does before it looks at whole tables."""
    from audit import knownwhole, rawread, tree, verify, walk
    from audit.crowd import Crowd
    from audit.known import Memory
    from audit.leafcheck import LeafChecker
    from audit.models import Checkpoint
    from audit.report import Findings
    from audit.spancheck import SpanChecker
    from audit.treecheck import TreeChecker

    findings, size, recognised = Findings(), tree.stored_size(), 0
    leaves = LeafChecker(findings)
    checker = SpanChecker(findings, leaves, Memory(), words=False)
    last = Checkpoint.objects.order_by("id").values_list("id", flat=True).last() or 0
    trees = TreeChecker(findings, start=0, size=size, last_checkpoint=last)
    crowd = None
    if processes > 1:
        known = knownwhole.recall(0)  # whose words are not added up
        crowd = Crowd(processes, start=0, tree_only=False, since=0, known=known)
    ranges = walk.ranges(0, size, verify.BATCH)
    with rawread.little_cache(), closing(crowd) if crowd else nullcontext():
        for one in walk.walk(ranges, checker, leaves, crowd, examine_from=0):
            trees.extend(one.first, one.leaves or [None])
            recognised += one.recognised
    trees.finish()
    assert not findings.count, findings.kept
    return size, recognised


@contextmanager
def _measured() -> Iterator[Any]:
    with Family() as family, with_children() as work:
        yield work, family


def _say(name: str, **figures: Any) -> None:
    print(json.dumps({"measured": name, **figures}), flush=True)


if __name__ == "__main__":
    os.environ.setdefault("EVIDENCE_KEY", secrets.token_hex(32))  # else nothing is recognised
    django.setup()
    given = [int(text.replace("_", "").replace(",", "")) for text in sys.argv[1:]]
    main(*(given + [200_000, 2][len(given) :]))
