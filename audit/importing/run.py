"""One import: every evidence row of a DefenseClaw database, once, in batches that survive a kill.

A batch is one transaction: its events, the memory that its rows were imported, and what it set
aside. A killed process loses at most the batch in hand; the next run finds the finished
rows by their deterministic ids and goes on.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from audit import clock
from audit.importing import gateway_registry_and_seal_keys, import_run_events
from audit.importing.lock import import_lock
from audit.importing.mapping import Mapper, Matches
from audit.importing.portal_operation_lookup import Operations
from audit.importing.pushed_row_matching import Forms
from audit.importing.quarantine.writer import Quarantine
from audit.importing.report import Counts, ImportReport
from audit.importing.row_batch_writer import RowWriter
from audit.importing.source_database import ImportRefused, Source, opened
from audit.recording.actors import Actor

IMPORTER = Actor(iss="", sub="", name="Auth0-ATA", via="import")
BATCH = 2000

type Progress = Callable[[int, int], None]


def run(
    path: Path,
    instance: str = "",
    *,
    key_file: Path | None = None,
    actor: Actor = IMPORTER,
    progress: Progress | None = None,
    batch: int = BATCH,
) -> ImportReport:
    """Import a DefenseClaw audit database.

    Args:
        path: the database; opened read-only.
        instance: the gateway it belongs to; by default the file's name without its ending. The
            same rows imported under another name are other events.
        key_file: key to check seals with; by default the registered or neighbouring one.
        actor: whose act the import is; the imported rows keep their own, asserted, actors.
        progress: called with rows done and rows in all, after each batch.
        batch: rows per transaction.

    Raises:
        ImportRefused: the file, the key or the name cannot be used; nothing was imported.
        SourceLost: the file became unreadable; finished batches stay, run again.
        ImportRunning: another process imports for this instance.
    """
    instance = _name(instance or path.stem)
    started = time.monotonic()
    with opened(path) as source, import_lock(instance):
        key = gateway_registry_and_seal_keys.find(path, instance, key_file)
        now = clock.now()
        matches = Matches(instance, Operations(), gateway_registry_and_seal_keys.registered())
        work = RowWriter(
            report=ImportReport(instance, key_id=key.id if key else ""),
            mapper=Mapper(instance, key, matches, now),
            matches=matches,
            aside=Quarantine(instance, now),
            forms=Forms(instance),
            actor=actor,
            now=now,
        )
        _take_all(work, source, progress or _silent, batch)
        work.report.not_imported = source.not_imported()
        work.report.reasons.update(work.aside.reasons)
        work.report.event = import_run_events.record_run(work.report, work.aside, path.name, actor)
    work.report.seconds = time.monotonic() - started
    return work.report


def _take_all(work: RowWriter, source: Source, progress: Progress, size: int) -> None:
    total = sum(source.count(table) for table in source.tables)
    done = 0
    progress(done, total)
    for table in source.tables:
        counts = work.report.by_table[table] = Counts()
        for rows in source.batches(table, size):
            work.take(rows, counts)
            done += len(rows)
            progress(done, total)


def _name(instance: str) -> str:
    if instance.isprintable() and 0 < len(instance) <= 100:
        return instance
    raise ImportRefused("An instance name is 1 to 100 printable characters; use --instance.")


def _silent(done: int, total: int) -> None:
    """Show nothing."""
