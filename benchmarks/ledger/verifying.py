"""Verification of a log of any size, by one process and by two; fills the database where it must.

    python -m benchmarks.ledger.verifying [entries [processes]]

Uses the database of the environment. Prints one JSON object a line. `rows_per_s` is by the clock,
`rows_per_cpu_s` by processor time, our own processes' alone: PostgreSQL's is not in it.
`memory_mib` is the most that a process held of its own (RssAnon), the parent or one it forked.
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
from benchmarks.resources import Family

_STEP = 2000


def main(size: int, processes: int) -> None:
    """Measure."""
    from django.core.management import call_command
    from django.db import connection

    call_command("migrate", verbosity=0)
    _say("engine", engine=connection.vendor, processors=len(os.sched_getaffinity(0)))
    _fill(size)
    ways: list[tuple[str, dict[str, Any]]] = [
        ("bytes and tree", {"tree_only": True}),
        ("everything", {}),
    ]
    for name, how in ways:
        for many in sorted({1, processes}):
            _run(f"{name}, processes: {many}", {"processes": many, **how})


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
            writer.settle()
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


def _run(name: str, how: dict[str, Any]) -> None:
    from audit import verify

    with _measured() as (work, family):
        report = verify.run(**how)
    assert report.ok, report.problems
    line = work.line(report.size)
    _say(name, recognised=report.recognised, **line, memory_mib=round(family.peak))


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
