"""Rows that were imported and have other content now.

An audit row should never change. Generation 7 overwrites the severity of a row that somebody
acknowledges (`UPDATE audit_events SET severity='ACK'`); that is recognised and named, everything
else is an alarm. What was seen first stays the event.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from audit.importing import foreign_json
from audit.importing.mapping.severities import ACKNOWLEDGED
from audit.importing.secret_masking import mask
from audit.importing.source_row_identity import DERIVED_COLUMNS, SourceRow, change_id
from audit.ledger.format.canonical import canonical
from audit.recording import stored_event_loader
from audit.recording.actors import Actor, Target
from audit.recording.record import Draft

ACTION: Final = "defenseclaw.row_changed"
IN_PLACE: Final = "acknowledged_in_place"
CONTENT: Final = "content"
NAMED: Final = 50
"""So many changed columns are named in the entry; the values of all of them are in `changes`."""
_NAME_LENGTH: Final = 100


@dataclass(frozen=True, slots=True)
class Changed:
    """A row, the event it first became, and the digests of then and now.

    `other_form`: it arrived another way than the first, so only what both have is compared.
    `seal`: what its seal says, where the row was known before its seal arrived.
    """

    row: SourceRow
    event: UUID
    first: bytes
    now: bytes
    other_form: bool = False
    seal: Mapping[str, Any] = field(default_factory=dict)


def drafts(
    found: Sequence[Changed], *, instance: str, actor: Actor, now: datetime
) -> Iterator[Draft]:
    """One event per change."""
    first = first_seen([changed.event for changed in found])
    for changed in found:
        before = first.get(changed.event)
        after = mask(foreign_json.loggable(changed.row.values))
        yield _draft(changed, before, after, instance=instance, actor=actor, now=now)


def first_seen(events: Sequence[UUID]) -> dict[UUID, dict[str, Any]]:
    """The columns as first imported, where they were not erased since."""
    found = {}
    for event, openings in stored_event_loader.openings_of(events).items():
        for opening in openings:
            if opening.path == "private.raw":
                found[event] = opening.value["columns"]
    return found


def _draft(
    changed: Changed,
    before: Mapping[str, Any] | None,
    after: Mapping[str, Any],
    *,
    instance: str,
    actor: Actor,
    now: datetime,
) -> Draft:
    differences = None if before is None else _differences(before, after)
    if differences is not None and changed.other_form and before is not None:
        differences = {c: d for c, d in differences.items() if c in before and c in after}
    kind = _kind(differences)
    data: dict[str, Any] = {"table": changed.row.table, "change": kind}
    data["first_event"] = str(changed.event)
    data |= changed.seal
    if differences is not None:
        data |= _named(sorted(differences))
    if kind == IN_PLACE and before is not None:
        data["first_seen_severity"] = str(before.get("severity", ""))[:40]
    return Draft(
        id=change_id(changed.event, changed.now),
        actor=actor,
        action=ACTION,
        severity="LOW" if kind == IN_PLACE and not changed.seal else "HIGH",
        source="defenseclaw",
        instance=instance,
        target=Target(f"{changed.row.table}_row", mask(changed.row.label), instance),
        changes=differences or None,
        data=data,
        private={
            "first_seen_digest": changed.first.hex(),
            "digest": changed.now.hex(),
            "raw": {"columns": after, "digest": changed.now.hex()},
        },
        time=now,
    )


def _named(columns: Sequence[str]) -> dict[str, Any]:
    """Names of columns for an entry, which has space for few; digest and number stand for all."""
    named: dict[str, Any] = {
        "columns": [name for name in columns[:NAMED] if len(name) <= _NAME_LENGTH]
    }
    if len(named["columns"]) < len(columns):
        named["columns_changed"] = len(columns)
        named["columns_digest"] = hashlib.sha256(canonical(list(columns))).hexdigest()
    return named


def _differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    return {
        column: {"before": before.get(column), "after": after.get(column)}
        for column in {*before, *after} - DERIVED_COLUMNS
        if before.get(column) != after.get(column)
    }


def _kind(differences: Mapping[str, Any] | None) -> str:
    if differences is None or set(differences) != {"severity"}:
        return CONTENT
    return IN_PLACE if differences["severity"]["after"] == ACKNOWLEDGED else CONTENT
