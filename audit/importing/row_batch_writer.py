"""Rows of a gateway into entries, a batch at a time: for imports and for what gateways push.

A batch is one transaction: its events, the memory that its rows were taken in, and what it set
aside. Ids are derived from the rows, so a batch that is taken in again adds nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from audit.db import bulk_insert
from audit.importing import changed_rows, pushed_row_matching
from audit.importing.changed_rows import Changed
from audit.importing.defenseclaw_seals import BROKEN
from audit.importing.mapping import Malformed, Mapper, Matches
from audit.importing.pushed_row_matching import DATABASE, Forms, form_of
from audit.importing.quarantine import writer
from audit.importing.quarantine.writer import Quarantine, Rejected
from audit.importing.report import Counts, ImportReport
from audit.importing.source_row_identity import SourceRow, content_digest, event_id
from audit.ingest.bulk_event_writer import Ingest, made
from audit.ledger.format.canonical import EntryError
from audit.models import ImportedRow, RepeatedTag, RowForm
from audit.recording import record as recording
from audit.recording.actors import Actor
from audit.recording.record import Draft, Prepared

when_taken: list[Callable[[str, Sequence[Draft], Actor], None]] = []
"""What other apps record of the rows of a gateway that just became events, in their transaction,
by the portal's wiring: its name, the events in the order of the rows, and who reports them."""


@dataclass(slots=True)
class _Batch:
    """What one batch of rows turns into; `known` are events that were there before."""

    known: list[UUID] = field(default_factory=list)
    drafts: list[Draft] = field(default_factory=list)
    memory: list[ImportedRow] = field(default_factory=list)
    changes: list[Changed] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    forms: list[RowForm] = field(default_factory=list)
    tags: list[RepeatedTag] = field(default_factory=list)
    misused: list[Draft] = field(default_factory=list)
    seals: list[Mapping[str, Any]] = field(default_factory=list)
    duplicates: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    first: dict[UUID, Mapping[str, Any]] | None = None

    def first_seen(self, event: UUID) -> Mapping[str, Any]:
        """The columns that an event was made from; none where they were erased."""
        if self.first is None:
            self.first = dict(changed_rows.first_seen(self.known))
        if event not in self.first:
            made = (draft.private or {} for draft in self.drafts if draft.id == event)
            self.first[event] = next((private["raw"]["columns"] for private in made), {})
        return self.first[event]


@dataclass(slots=True)
class RowWriter:
    """Writes rows of one gateway; `report` has the figures, `aside` what it set aside.

    `reported_by` are codes that name who reported the rows; every entry that they add has them.
    """

    report: ImportReport
    mapper: Mapper
    matches: Matches
    aside: Quarantine
    forms: Forms
    actor: Actor
    now: datetime
    writer: Ingest = field(default_factory=Ingest)
    reported_by: Mapping[str, Any] = field(default_factory=dict)

    def take(self, rows: Sequence[SourceRow], counts: Counts) -> None:
        """Write a batch of rows, and add to the figures."""
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
        for seal in batch.seals:
            self._tally_seal(seal)
        self.report.changed.update(batch.kinds)
        self.report.misused += len(batch.misused)

    def _prepared(self, batch: _Batch) -> list[Prepared]:
        changes = list(self._changes(batch))
        batch.kinds = Counter(str((draft.data or {})["change"]) for draft in changes)
        return recording.prepared([*batch.drafts, *changes, *batch.misused])

    def _write(self, batch: _Batch, events: Sequence[Prepared]) -> None:
        def along() -> None:
            bulk_insert.insert(batch.memory)
            bulk_insert.insert(batch.forms)
            RepeatedTag.objects.bulk_create(batch.tags, ignore_conflicts=True)
            self.aside.keep(batch.rejected)
            for notify in when_taken:
                notify(self.report.instance, batch.drafts, self.actor)

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
        self.forms.look_up_keys(rows)
        named = [(row, self._event_of(row)) for row in rows]
        seen, names = _remembered([event for row, event in named if row.id])
        batch = _Batch(known=list(seen))
        self.forms.look_up(batch.known)
        self.matches.look_up([row for row, event in named if event not in seen])
        for row, event in named:
            if not row.id:
                batch.rejected.append(writer.without_id(row))
                continue
            digest = content_digest(row)
            known = seen.get(event)
            if known is None:
                if not self._new(row, event, digest, batch, refused):
                    continue
                seen[event] = [digest]
                self.forms.began(row, event, digest)
            else:
                batch.duplicates += 1
                if not self._is_changed(row, event, digest, known, batch):
                    continue
            named_as = names.get(event, row.id)
            batch.memory.append(self._remembered(row, event, digest, named_as))
        batch.misused = [self._named(draft) for draft in self.matches.alarms(self.actor)]
        made = {draft.id for draft in batch.drafts}
        batch.tags = [tag for tag in self.matches.taken() if tag.event in made]
        batch.forms = self.forms.taken(seen)
        return batch

    def _event_of(self, row: SourceRow) -> UUID:
        same = self.forms.same_row(row)
        return same or event_id(self.report.instance, row.table, row.id)

    def _is_changed(
        self, row: SourceRow, event: UUID, digest: bytes, known: list[bytes], batch: _Batch
    ) -> bool:
        """Whether a known row has a content that it did not have so far; one is noted once."""
        if digest in known or self.forms.has(row, event, digest):
            return False
        other = self.forms.is_other_form(row, event)
        self.forms.note(row, event, digest, known[0])
        seal = self.mapper.seal_notes(row) if other and form_of(row) == DATABASE else {}
        if seal:
            batch.seals.append(seal)
        broken = seal if "mismatches" in seal or seal.get("integrity") in BROKEN else {}
        if other and not broken and not pushed_row_matching.disagree(row, batch.first_seen(event)):
            return False
        batch.changes.append(Changed(row, event, known[0], digest, other, broken))
        known.append(digest)
        return True

    def _new(
        self,
        row: SourceRow,
        event: UUID,
        digest: bytes,
        batch: _Batch,
        refused: Mapping[UUID, str],
    ) -> bool:
        rejected = writer.fault(row)
        if event in refused:
            rejected = Rejected(row, "not_recordable", refused[event])
        if rejected is None:
            try:
                batch.drafts.append(self._named(self.mapper.draft(row, digest)))
                return True
            except Malformed as error:
                self.matches.forget({event})
                rejected = Rejected(row, error.reason, error.detail)
        batch.rejected.append(rejected)
        return False

    def _remembered(self, row: SourceRow, event: UUID, digest: bytes, id: str) -> ImportedRow:
        # By place: names cost Django twice as much.
        return ImportedRow(None, event, digest, self.report.instance, row.table, id, self.now)

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
                batch.forms = [
                    kept for kept in batch.forms if (kept.event, bytes(kept.digest)) != of_change
                ]
                batch.rejected.append(Rejected(change.row, "not_recordable", fault))

    def _changes(self, batch: _Batch) -> Iterable[Draft]:
        found = changed_rows.drafts(
            list(batch.changes), instance=self.report.instance, actor=self.actor, now=self.now
        )
        return map(self._named, found)

    def _named(self, draft: Draft) -> Draft:
        """A draft that names who reported its row."""
        if not self.reported_by:
            return draft
        return replace(draft, data={**(draft.data or {}), **self.reported_by})

    def _tally(self, drafts: Iterable[Draft]) -> None:
        report = self.report
        for draft in drafts:
            data = draft.data or {}
            report.provenance[data["actor_provenance"]] += 1
            report.masked += data.get("masked_values", 0)
            self._tally_seal(data)

    def _tally_seal(self, data: Mapping[str, Any]) -> None:
        if status := data.get("integrity"):
            self.report.integrity[status] += 1
        self.report.mismatches += "mismatches" in data


def _unrecordable(draft: Draft, now: datetime) -> str:
    """Why the ledger refuses a draft; empty where it takes it."""
    try:
        recording.prepare(draft, now)
    except EntryError as error:
        return str(error)
    return ""


def _remembered(events: Sequence[UUID]) -> tuple[dict[UUID, list[bytes]], dict[UUID, str]]:
    """The contents that these events are known with, and the ids of their rows."""
    seen: dict[UUID, list[bytes]] = {}
    names: dict[UUID, str] = {}
    found = ImportedRow.objects.filter(event__in=events).order_by("pk")
    for event, digest, row_id in found.values_list("event", "digest", "row_id"):
        seen.setdefault(event, []).append(bytes(digest))
        names.setdefault(event, row_id)
    return seen, names
