"""One import: every evidence row of a DefenseClaw database, once, in batches that survive a kill.

A batch is one transaction: its events, the memory that its rows were imported, and what it set
aside. A killed process loses at most the batch in hand; the next run finds the finished
rows by their deterministic ids and goes on.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from uuid import UUID

from django.db import transaction

from audit import clock
from audit.db import bulk_insert
from audit.importing import (
    changed_rows,
    gateway_registry_and_seal_keys,
    import_run_events,
    quarantine_writer,
)
from audit.importing.changed_rows import Changed
from audit.importing.lock import import_lock
from audit.importing.mapping import Malformed, Mapper, Matches
from audit.importing.portal_operation_lookup import Operations
from audit.importing.quarantine_writer import Quarantine, Rejected
from audit.importing.report import Counts, ImportReport
from audit.importing.source import ImportRefused, Source, opened
from audit.importing.source_row_identity import SourceRow, content_digest, event_id
from audit.ingest.bulk_event_writer import Ingest, made
from audit.ledger.format.canonical import EntryError
from audit.models import ImportedRow, RepeatedTag
from audit.recording import record as recording
from audit.recording.actors import Actor
from audit.recording.record import Draft, Prepared

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
        work = _Work(
            report=ImportReport(instance, key_id=key.id if key else ""),
            mapper=Mapper(instance, key, matches, now),
            matches=matches,
            aside=Quarantine(instance, now),
            actor=actor,
            now=now,
        )
        work.all(source, progress or _silent, batch)
        work.report.not_imported = source.not_imported()
        work.report.reasons.update(work.aside.reasons)
        work.report.event = import_run_events.record_run(work.report, work.aside, path.name, actor)
    work.report.seconds = time.monotonic() - started
    return work.report


def _name(instance: str) -> str:
    if instance.isprintable() and 0 < len(instance) <= 100:
        return instance
    raise ImportRefused("An instance name is 1 to 100 printable characters; use --instance.")


def _silent(done: int, total: int) -> None:
    """Show nothing."""


@dataclass(slots=True)
class _Batch:
    """What one batch of rows turns into."""

    drafts: list[Draft] = field(default_factory=list)
    memory: list[ImportedRow] = field(default_factory=list)
    changes: list[Changed] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    tags: list[RepeatedTag] = field(default_factory=list)
    misused: list[Draft] = field(default_factory=list)
    duplicates: int = 0
    kinds: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True)
class _Work:
    report: ImportReport
    mapper: Mapper
    matches: Matches
    aside: Quarantine
    actor: Actor
    now: datetime
    writer: Ingest = field(default_factory=Ingest)

    def all(self, source: Source, progress: Progress, size: int) -> None:
        total = sum(source.count(table) for table in source.tables)
        done = 0
        progress(done, total)
        for table in source.tables:
            counts = self.report.by_table[table] = Counts()
            for rows in source.batches(table, size):
                self._take(rows, counts)
                done += len(rows)
                progress(done, total)

    def _take(self, rows: Sequence[SourceRow], counts: Counts) -> None:
        batch = self._sort(rows)
        try:
            events = self._prepared(batch)
        except EntryError:
            batch = self._sort_recordable(rows, batch)
            self._refuse_changes(batch)
            events = self._prepared(batch)
        self._write(batch, events)
        counts.rows += len(rows)
        counts.imported += len(batch.drafts)
        counts.duplicates += batch.duplicates
        counts.quarantined += len(batch.rejected)
        self._tally(batch.drafts)
        self.report.changed.update(batch.kinds)
        self.report.misused += len(batch.misused)

    def _prepared(self, batch: _Batch) -> list[Prepared]:
        changes = list(self._changes(batch))
        batch.kinds = Counter(str((draft.data or {})["change"]) for draft in changes)
        return recording.prepared([*batch.drafts, *changes, *batch.misused])

    def _write(self, batch: _Batch, events: Sequence[Prepared]) -> None:
        def along() -> None:
            bulk_insert.insert(batch.memory)
            RepeatedTag.objects.bulk_create(batch.tags, ignore_conflicts=True)
            self.aside.keep(batch.rejected)

        if events:
            self.writer.write(made(events), along)
            return
        with transaction.atomic():
            along()

    def _sort(self, rows: Sequence[SourceRow], refused: Mapping[UUID, str] = {}) -> _Batch:
        """Tell new rows, duplicates, changed rows and unusable ones apart.

        Args:
            refused: what the ledger refuses of them, with why.
        """
        batch = _Batch()
        named = [(row, event_id(self.report.instance, row.table, row.id)) for row in rows]
        seen = _remembered([event for row, event in named if row.id])
        self.matches.look_up([row for row, event in named if event not in seen])
        for row, event in named:
            if not row.id:
                batch.rejected.append(quarantine_writer.without_id(row))
                continue
            digest = content_digest(row)
            known = seen.get(event)
            if known is None:
                if not self._new(row, event, digest, batch, refused):
                    continue
                seen[event] = [digest]
            else:
                batch.duplicates += 1
                if digest in known:
                    continue
                batch.changes.append(Changed(row, event, known[0], digest))
                known.append(digest)
            batch.memory.append(self._remembered(row, event, digest))
        batch.misused = list(self.matches.alarms(self.actor))
        made = {draft.id for draft in batch.drafts}
        batch.tags = [tag for tag in self.matches.taken() if tag.event in made]
        return batch

    def _new(
        self,
        row: SourceRow,
        event: UUID,
        digest: bytes,
        batch: _Batch,
        refused: Mapping[UUID, str],
    ) -> bool:
        rejected = quarantine_writer.fault(row)
        if event in refused:
            rejected = Rejected(row, "not_recordable", refused[event])
        if rejected is None:
            try:
                batch.drafts.append(self.mapper.draft(row, digest))
                return True
            except Malformed as error:
                self.matches.forget({event})
                rejected = Rejected(row, error.reason, error.detail)
        batch.rejected.append(rejected)
        return False

    def _remembered(self, row: SourceRow, event: UUID, digest: bytes) -> ImportedRow:
        # By place: names cost Django twice as much.
        return ImportedRow(None, event, digest, self.report.instance, row.table, row.id, self.now)

    def _sort_recordable(self, rows: Sequence[SourceRow], batch: _Batch) -> _Batch:
        """Sort again without what the ledger refuses, which only building the entry can show."""
        drafts = {draft.id: draft for draft in batch.drafts if draft.id is not None}
        faults = {id: _unrecordable(draft, self.now) for id, draft in drafts.items()}
        self.matches.forget(drafts.keys())
        return self._sort(rows, {id: fault for id, fault in faults.items() if fault})

    def _refuse_changes(self, batch: _Batch) -> None:
        """Set aside changes that the ledger refuses."""
        for change, draft in zip(list(batch.changes), self._changes(batch), strict=True):
            if fault := _unrecordable(draft, self.now):
                batch.changes.remove(change)
                batch.duplicates -= 1
                of_change = (change.event, change.now)
                batch.memory = [
                    kept for kept in batch.memory if (kept.event, bytes(kept.digest)) != of_change
                ]
                batch.rejected.append(Rejected(change.row, "not_recordable", fault))

    def _changes(self, batch: _Batch) -> Iterable[Draft]:
        return changed_rows.drafts(
            list(batch.changes), instance=self.report.instance, actor=self.actor, now=self.now
        )

    def _tally(self, drafts: Iterable[Draft]) -> None:
        report = self.report
        for draft in drafts:
            data = draft.data or {}
            report.provenance[data["actor_provenance"]] += 1
            report.masked += data.get("masked_values", 0)
            if status := data.get("integrity"):
                report.integrity[status] += 1
            report.mismatches += "mismatches" in data


def _unrecordable(draft: Draft, now: datetime) -> str:
    """Why the ledger refuses a draft; empty where it takes it."""
    try:
        recording.prepare(draft, now)
    except EntryError as error:
        return str(error)
    return ""


def _remembered(events: Sequence[UUID]) -> dict[UUID, list[bytes]]:
    seen: dict[UUID, list[bytes]] = {}
    found = ImportedRow.objects.filter(event__in=events).order_by("pk")
    for event, digest in found.values_list("event", "digest"):
        seen.setdefault(event, []).append(bytes(digest))
    return seen
