"""Checks of single leaves: bytes, hash, openings, and what other tables repeat of the entry."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from audit.clock import rfc3339
from audit.evidence import human_levels, storage
from audit.ledger.format import entry as entries
from audit.ledger.format.commitment import subject_key
from audit.ledger.format.entry import EntryError, Opening
from audit.ledger.merkle import leaf_hash
from audit.models import Entry, Event, EventRow
from audit.recording.stored_event_loader import openings_of
from audit.search.projection import COLUMNS, values_of
from audit.verification.checks.evidence_store import EvidenceChecker
from audit.verification.checks.exports_and_verification_runs import WorkChecker
from audit.verification.checks.fulltext_index import IndexChecker
from audit.verification.checks.imported_rows import ImportChecker
from audit.verification.report import Findings
from audit.verification.unreadable_rows import UNREADABLE, each

type Row = tuple[Any, ...]

# Shown in a report as they are; any other column may hold personal values, and reports are kept.
_PLAIN = frozenset(COLUMNS) - {
    *("event", "actor_key", "actor_sub", "actor_name", "actor_email"),
    *("target_name", "sentence", "terms"),
}


@dataclass(frozen=True, slots=True)
class Examined:
    """An entry whose openings are right. `index` is None before it has a leaf."""

    index: int | None
    id: UUID
    document: dict[str, Any]
    openings: list[Opening]
    event: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Seen:
    """What was seen in ranges that another process checked."""

    erased: set[str]
    seen: set[str]
    work: set[UUID]
    postings: int


class LeafChecker:
    """Checks leaves in batches and returns their recomputed hashes.

    Attributes:
        index: the checker of the full-text index, which the rows are added to as they pass.
        pending: how many events without a leaf were checked.
    """

    def __init__(self, findings: Findings) -> None:
        self._findings = findings
        self._keys = storage.IssuerKeys()
        self._evidence = EvidenceChecker(findings)
        self._imports = ImportChecker(findings)
        self._work = WorkChecker(findings)
        self.index = IndexChecker(findings)
        self.pending = 0

    def check_range(
        self, first: int, end: int, *, examine_from: int, tree_only: bool
    ) -> Sequence[bytes | None]:
        """As `check`; with `tree_only` hashes alone, where each is that of its leaf."""
        hashes = _hashes(first, end) if tree_only else None
        return hashes or self.check(first, end, examine_from=examine_from)

    def check(self, first: int, end: int, *, examine_from: int) -> list[bytes | None]:
        """Check `first <= seq < end`; before `examine_from` only hashes are computed.

        Returns the hash of each entry; None where there is no entry.
        """
        indices = range(first, end)
        order, _ = each(indices, _order)
        ids = list(order.values())
        events, _ = each(ids, _events)
        leaves: list[bytes | None] = []
        wanted = []
        for index in indices:
            id = order.get(index)
            if id is None or id not in events:
                self._findings.add("gap", "the entry is missing from the database", index, id or "")
                leaves.append(None)
                continue
            leaves.append(leaf_hash(events[id][0]))
            if index >= examine_from:
                wanted.append((index, id, events[id]))
        self._examine(wanted)
        return leaves

    def check_pending(self, ids: Sequence[UUID]) -> None:
        """Check events that have no leaf yet."""
        self.pending += len(ids)
        events, broken = each(ids, _events)
        for id, problem in broken.items():
            self._findings.add("event", f"the event cannot be read: {problem}", None, id)
        self._examine([(None, id, events[id]) for id in ids if id in events])

    def take_seen(self) -> Seen:
        """What was seen since the last call, for a checker in another process."""
        seen = Seen(*self._evidence.take_seen(), self._work.take_seen(), self.index.total)
        self.index.total = 0
        return seen

    def learn(self, seen: Seen) -> None:
        """Take over what a checker in another process saw."""
        self._evidence.learn(seen.erased, seen.seen)
        self._work.learn(seen.work)
        self.index.total += seen.postings

    def finish(self, *, whole: bool) -> None:
        """Report what only the end of a run can tell."""
        self._evidence.finish()
        if whole:
            self._work.finish()

    def _examine(self, wanted: Sequence[tuple[int | None, UUID, Row]]) -> None:
        ids = [id for _, id, _ in wanted]
        openings, torn = each(ids, openings_of)
        rows, unreadable = each(ids, _rows)
        good = []
        for index, id, stored in wanted:
            document = self._check_event(index, id, *stored)
            if id in unreadable:
                message = f"the search row cannot be read: {unreadable[id]}"
                self._findings.add("projection", message, index, id)
            elif index is not None and id in rows:
                self.index.add(index, rows[id][_TERMS])
            if id in torn:
                self._findings.add("opening", f"cannot be read: {torn[id]}", index, id)
            if document is None or id in torn:
                continue
            held = openings.get(id, [])
            event = self._check_openings(index, id, document, held)
            if event is None:
                continue
            good.append(Examined(index, id, document, held, event))
            if id not in unreadable:
                self._check_row(index, id, event, rows.get(id))
        self._check_stores(good)

    def _check_stores(self, good: Sequence[Examined]) -> None:
        """Check what other tables and files hold about entries that are right themselves."""
        for checker in (self._evidence, self._imports, self._work):
            try:
                checker.take(good)
            except UNREADABLE as error:
                message = f"what belongs to it cannot be read: {type(error).__name__}: {error}"
                self._findings.add("unreadable", message, good[0].index)

    def _check_event(
        self, index: int | None, id: UUID, entry: bytes, leaf: bytes, recorded_at: datetime
    ) -> dict[str, Any] | None:
        """The document of an entry that is that of `id`, hashed as stored; None if unreadable."""
        if leaf_hash(entry) != leaf:
            message = "the entry does not hash to its leaf: the event was changed"
            self._findings.add("leaf", message, index, id)
        try:
            document = entries.parse(entry)
        except EntryError as error:
            self._findings.add("entry", f"the entry cannot be read: {error}", index, id)
            return None
        if document["id"] != str(id):
            self._findings.add("entry", f"the entry is that of {document['id']}", index, id)
        if document["recorded_at"] != rfc3339(recorded_at):
            message = f"the event says recorded_at={rfc3339(recorded_at)}, the entry another time"
            self._findings.add("event", message, index, id)
        return document

    def _check_openings(
        self, index: int | None, id: UUID, document: dict[str, Any], openings: list[Opening]
    ) -> dict[str, Any] | None:
        """The public event, when every opening fits and is filed under its person."""
        try:
            event = entries.reveal(document, openings, index=index)
        except EntryError as error:
            self._findings.add("opening", f"a personal value was changed: {error}", index, id)
            return None
        for opening in openings:
            if opening.subject != _owner(document, event, opening):
                message = f"the value of {opening.path} is filed under another person"
                self._findings.add("opening", message, index, id)
                break
        return event

    def _check_row(
        self, index: int | None, id: UUID, event: dict[str, Any], row: Row | None
    ) -> None:
        try:
            if row == values_of(event, human_levels.level(event, self._keys)):
                return
            self._look_again(index, id)
        except UNREADABLE as error:
            message = f"its level cannot be computed: {type(error).__name__}: {error}"
            self._findings.add("projection", message, index, id)

    def _look_again(self, index: int | None, id: UUID) -> None:
        """Compare again what differed: an erasure may have come between two of our queries."""
        entry, openings, row = _events([id])[id][0], openings_of([id])[id], _rows([id]).get(id)
        try:
            event = entries.reveal(entry, openings, index=index)
        except EntryError as error:
            self._findings.add("opening", f"a personal value was changed: {error}", index, id)
            return
        level = human_levels.explain(event)
        expected = values_of(event, level.code)
        if index is None and row is not None and row[_SEQ] is not None:
            expected = (*expected[:_SEQ], row[_SEQ], *expected[_SEQ + 1 :])
        if row is None:
            message = "the search row is missing; run rebuild_projection"
            self._findings.add("projection", message, index, id)
        elif row != expected:
            if row[_HUMAN] != level.code:
                message = (
                    f"the stored human level is {row[_HUMAN]}; what the evidence proves is "
                    f"{level.code} ({level.words}): {' '.join(level.reasons)}"
                )
                self._findings.add("level", message, index, id)
            self._findings.add("projection", _difference(row, expected), index, id)


_SEQ = COLUMNS.index("seq")
_TERMS = COLUMNS.index("terms")
_HUMAN = COLUMNS.index("human")


def _order(indices: Sequence[int]) -> dict[int, UUID]:
    found = Entry.objects.filter(seq__gte=indices[0], seq__lte=indices[-1])
    return dict(found.values_list("seq", "event_id"))


def _hashes(first: int, end: int) -> list[bytes] | None:
    """Hashes of the entries; None where one is missing or is not that of its leaf."""
    rows = Entry.objects.filter(seq__gte=first, seq__lt=end).order_by("seq")
    found: list[bytes] = []
    try:
        for seq, entry, leaf in rows.values_list("seq", "event__entry", "event__leaf_hash"):
            if seq != first + len(found) or leaf_hash(bytes(entry)) != bytes(leaf):
                return None
            found.append(bytes(leaf))
    except UNREADABLE:
        return None
    return found if len(found) == end - first else None


def _events(ids: Sequence[UUID]) -> dict[UUID, tuple[bytes, bytes, datetime]]:
    found = Event.objects.filter(id__in=ids)
    return {
        id: (bytes(entry), bytes(leaf), recorded_at)
        for id, entry, leaf, recorded_at in found.values_list(
            "id", "entry", "leaf_hash", "recorded_at"
        )
    }


def _rows(ids: Sequence[UUID]) -> dict[UUID, Row]:
    found = EventRow.objects.filter(event__in=ids).values_list(*COLUMNS)
    return {row[0]: row for row in found}


def _owner(document: dict[str, Any], event: dict[str, Any], opening: Opening) -> str | None:
    """`subject_key` of the person a value belongs to; None once that person was erased."""
    whose = "on_behalf_of" if opening.path.startswith("on_behalf_of.") else "actor"
    person = event[whose]
    owner = subject_key(person["iss"], person["sub"]) if isinstance(person["sub"], str) else None
    if not opening.path.startswith("private."):
        return owner
    found = entries.owner_of(opening.value, "")
    return found or owner


def _difference(row: Row, expected: Row) -> str:
    """What a search row says and its entry does not."""
    said = []
    for name, stored, wanted in zip(COLUMNS, row, expected, strict=True):
        if stored != wanted and name in _PLAIN:
            said.append(f"{name}={_short(stored)}, the entry says {_short(wanted)}")
        elif stored != wanted:
            said.append(f"another {name} than the entry")
    return (
        f"the search row says {'; '.join(said)}: it was changed, or made by another version; "
        "run rebuild_projection"
    )


def _short(value: Any) -> str:
    return str(value)[:80] or "nothing"
