"""Checks of single leaves: bytes, hash, openings, and the search row made from them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from audit import human
from audit.clock import rfc3339
from audit.ledger import entry as entries
from audit.ledger.entry import EntryError, Opening
from audit.ledger.merkle import leaf_hash
from audit.load import openings_of
from audit.models import Entry, Event, EventRow
from audit.projection import differences, row_of
from audit.report import Findings


@dataclass(frozen=True, slots=True)
class Leaf:
    """A leaf as computed from its entry; `hash` is None where there is no entry."""

    index: int
    hash: bytes | None


class LeafChecker:
    """Checks leaves in batches and returns their recomputed hashes."""

    def __init__(self, findings: Findings) -> None:
        self._findings = findings

    def check(self, first: int, end: int, *, examine_from: int) -> list[Leaf]:
        """Check `first <= seq < end`; before `examine_from` only hashes are computed."""
        order = dict(
            Entry.objects.filter(seq__gte=first, seq__lt=end).values_list("seq", "event_id")
        )
        ids = list(order.values())
        events = {
            id: (bytes(entry), bytes(leaf), recorded_at)
            for id, entry, leaf, recorded_at in Event.objects.filter(id__in=ids).values_list(
                "id", "entry", "leaf_hash", "recorded_at"
            )
        }
        openings = openings_of(ids)
        rows = EventRow.objects.in_bulk(ids)
        leaves = []
        for index in range(first, end):
            id = order.get(index)
            if id is None or id not in events:
                self._findings.add("gap", "the entry is missing from the database", index, id or "")
                leaves.append(Leaf(index, None))
                continue
            entry, leaf, recorded_at = events[id]
            if index >= examine_from:
                document = self.check_bytes(index, id, entry, leaf)
                if document is not None:
                    if document["recorded_at"] != rfc3339(recorded_at):
                        self._findings.add("event", "recorded_at was changed", index, id)
                    self._check_row(index, id, document, openings[id], rows.get(id))
            leaves.append(Leaf(index, leaf_hash(entry)))
        return leaves

    def check_bytes(
        self, index: int | None, id: UUID, entry: bytes, leaf: bytes
    ) -> dict[str, Any] | None:
        """Check that the bytes are the entry of `id` and hash to `leaf`; None if unreadable."""
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
        return document

    def _check_row(
        self,
        index: int,
        id: UUID,
        document: dict[str, Any],
        openings: list[Opening],
        row: EventRow | None,
    ) -> None:
        try:
            event = entries.reveal(document, openings, index=index)
        except EntryError as error:
            self._findings.add("opening", f"a personal value was changed: {error}", index, id)
            return
        if row is None:
            message = "the search row is missing; run rebuild_projection"
            self._findings.add("projection", message, index, id)
            return
        changed = differences(row, row_of(event, row.human))
        if row.seq != index:
            changed.append("seq")
        # A level may have risen since (issuer keys arrive late); claiming more is what matters.
        if row.human > human.level(event):
            changed.append("human")
        if changed:
            message = (
                f"the search row differs from the entry in {', '.join(changed)}: it was changed, "
                "or made by another version; run rebuild_projection"
            )
            self._findings.add("projection", message, index, id)
