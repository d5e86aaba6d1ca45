"""Rows of the trail, ready for the table."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

from audit.evidence.log_proof_levels import LogSizes
from audit.ledger.format.allowed_field_values import SEVERITIES
from audit.models import EventRow
from audit.views.trail import operation_outcomes
from audit.views.trail.page_state import Reading

LATE = timedelta(seconds=60)
"""From how much on the time of an event and the time of its record are both shown."""


@dataclass(frozen=True, slots=True)
class Row:
    """One event in the table. `index` is None until it is sequenced; `happened` is its `time` where
    that differs from `recorded_at`. `outcome` is that of its operation."""

    id: UUID
    index: int | None
    sentence: SafeString
    outcome: str
    severity: str
    human: str
    log: str
    time: datetime
    recorded_at: datetime
    happened: datetime | None
    url: str
    drawer_url: str
    open: bool


def rows_of(found: list[EventRow], reading: Reading, sizes: LogSizes) -> list[Row]:
    """Table rows of search rows."""
    ends = operation_outcomes.came_to_rows(found)
    return [_row(row, reading, sizes, ends.get(str(row.event), row.outcome)) for row in found]


def _row(row: EventRow, reading: Reading, sizes: LogSizes, outcome: str) -> Row:
    apart = abs(row.recorded_at - row.time) > LATE
    return Row(
        id=row.event,
        index=row.seq,
        sentence=emphasised(row.sentence, row.actor_name, row.target_name),
        outcome=shown_outcome(row.action, outcome, row.via),
        severity=SEVERITIES[row.severity],
        human=row.human,
        log=sizes.level(row.seq),
        time=row.time,
        recorded_at=row.recorded_at,
        happened=row.time if apart else None,
        url=f"/audit/events/{row.event}/",
        drawer_url=reading.url(event=str(row.event)),
        open=row.event == reading.event,
    )


def shown_outcome(action: str, outcome: str, via: str) -> str:
    """The outcome with its label: a denial that the portal itself recorded is one that only our
    clock tells from an expiry; a person's own comes from their phone, passkey or browser."""
    return "denied_inferred" if (action, via) == ("approval.denied", "task") else outcome


def emphasised(sentence: str, *names: str) -> SafeString:
    """The sentence with the first occurrence of each name in bold; everything else escaped."""
    spots: list[tuple[int, int]] = []
    for name in names:
        start = sentence.find(name) if name else -1
        end = start + len(name)
        if start >= 0 and all(end <= a or start >= b for a, b in spots):
            spots.append((start, end))
    text, at = "", 0
    for start, end in sorted(spots):
        text += f"{escape(sentence[at:start])}<b>{escape(sentence[start:end])}</b>"
        at = end
    return mark_safe(text + escape(sentence[at:]))  # noqa: S308 - escaped piece by piece
