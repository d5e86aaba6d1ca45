"""Checks of the memory of imports: each row remembered is one that an event was made from.

Ids of imported events are derived from instance, table and row id, so those columns can be
computed again; the digest stands in the event's own opening, or in the id of a change event.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from uuid import UUID

from audit.importing import changed_rows
from audit.importing.source_row_identity import change_id, event_id
from audit.models import Event, ImportedRow
from audit.verification.report import Findings
from audit.verification.unreadable_rows import UNREADABLE, each

if TYPE_CHECKING:
    from audit.verification.checks.entries import Examined

type Remembered = tuple[bytes, str, str, str]


class ImportChecker:
    """Compares imported events with the rows that remember them."""

    def __init__(self, findings: Findings) -> None:
        self._findings = findings

    def take(self, batch: Sequence[Examined]) -> None:
        """Check the imported ones among some entries."""
        raw = [one for one in batch if _imported(one.document)]
        if not raw:
            return
        origins = [_origin(one) for one in raw]
        memory, broken = each(origins, _remembered)
        for one, origin in zip(raw, origins, strict=True):
            if origin in broken:
                problem = f"what is remembered of its import cannot be read: {broken[origin]}"
            else:
                problem = _readable(one, origin, memory.get(origin, []))
            if problem:
                self._findings.add("import", problem, one.index, one.id)


def _origin(one: Examined) -> UUID:
    """The event that the row of an imported entry first became."""
    if one.document["action"] != changed_rows.ACTION:
        return one.id
    return UUID(one.document["data"]["first_event"])


def _imported(document: dict[str, Any]) -> bool:
    return (
        document["source"] == "defenseclaw"
        and "raw" in document["private"]
        and "table" in document["data"]
    )


def _readable(one: Examined, origin: UUID, rows: list[Remembered]) -> str:
    try:
        return _problem(one, origin, rows)
    except UNREADABLE as error:
        return f"what is remembered of its import cannot be read: {type(error).__name__}: {error}"


def _problem(one: Examined, origin: UUID, rows: list[Remembered]) -> str:
    digest = _digest(one)
    if not rows:
        return "it is no longer remembered that this row was imported"
    if any(event_id(*row[1:]) != origin for row in rows):
        return "what is remembered of its import names another row"
    if one.id != origin:
        held = any(change_id(origin, row[0]) == one.id for row in rows)
        return "" if held else "the changed content of its row is no longer remembered"
    if digest and rows[0][0] != digest:
        return "the row is remembered with another content than was imported"
    later = {change_id(origin, row[0]) for row in rows[1:]}
    if later - set(Event.objects.filter(id__in=later).values_list("id", flat=True)):
        return "a content of its row is remembered that no event tells of"
    return ""


def _digest(one: Examined) -> bytes:
    """Digest of the row's content as the event says; empty once it was erased."""
    raw: Any = one.event["data"]["raw"]
    found = raw.get("digest") if isinstance(raw, dict) else None
    return bytes.fromhex(found) if isinstance(found, str) else b""


def _remembered(events: Sequence[UUID]) -> dict[UUID, list[Remembered]]:
    found: dict[UUID, list[Remembered]] = defaultdict(list)
    rows = ImportedRow.objects.filter(event__in=events).order_by("pk")
    for event, digest, instance, table, row_id in rows.values_list(
        "event", "digest", "instance", "table", "row_id"
    ):
        found[event].append((bytes(digest), instance, table, row_id))
    return found
