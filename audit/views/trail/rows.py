"""Rows of the trail, ready for the table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

from audit.evidence.log_proof_levels import LogSizes
from audit.ledger.format.allowed_field_values import SEVERITIES
from audit.ledger.query import EventQuery
from audit.models import EventRow
from audit.views.trail import operation_events, operation_outcomes
from audit.views.trail.filter_from_address import Reading, url_of
from ui import code_labels

LATE = timedelta(seconds=60)
"""From how much on the time of an event and the time of its record are both shown."""


@dataclass(frozen=True, slots=True)
class Row:
    """One event in the table. `index` is None until it is sequenced; `happened` is its `time` where
    that differs from `recorded_at`. `outcome` is that of its operation.

    The row of an operation also says how many `events` it has and, where its outcome does not show
    it, how many failed (`unsuccessful`). It opens to the events `inside`; `all_url` lists all where
    there are more. `last` is when the last one was recorded, where that is later."""

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
    day: str
    events: int = 1
    unsuccessful: str = ""
    inside: tuple[Inside, ...] = ()
    last: datetime | None = None
    all_url: str = ""


@dataclass(frozen=True, slots=True)
class Inside:
    """One event of an operation, for the list that its row opens to."""

    text: str
    url: str
    when: datetime
    detail: str
    when_style: str = "absolute"


def rows_of(found: Sequence[EventRow], reading: Reading, sizes: LogSizes) -> list[Row]:
    """Table rows of search rows; where operations are rows, that of an operation shows its most
    telling event at the place of its first, and the gravest severity of all its events."""
    operations = operation_events.of_rows(found) if reading.operations else {}
    inside = [event for each in operations.values() for event in (each.telling, *each.events)]
    ends = operation_outcomes.came_to_rows([*found, *inside])

    def end(event: EventRow) -> str:
        return shown_outcome(event.action, ends.get(str(event.event), event.outcome), event.via)

    rows = []
    for first in found:
        operation = operations.get(first.operation)
        if operation is None:
            rows.append(_row(first, reading, sizes, end(first)))
            continue
        row = _row(operation.telling, reading, sizes, end(operation.telling))
        rows.append(_of_operation(row, first, operation, reading, end))
    return rows


def _of_operation(
    row: Row,
    first: EventRow,
    operation: operation_events.Operation,
    reading: Reading,
    end: Callable[[EventRow], str],
) -> Row:
    events = operation.events
    apart = abs(first.recorded_at - first.time) > LATE
    last = max(event.time if reading.query.by_event_time else event.recorded_at for event in events)
    begun = first.time if reading.query.by_event_time else first.recorded_at
    every = EventQuery().including("operation", first.operation)
    return replace(
        row,
        severity=SEVERITIES[operation.severity],
        time=first.time,
        recorded_at=first.recorded_at,
        happened=first.time if apart else None,
        open=row.open or any(event.event == reading.event for event in events),
        day=_day(first, reading),
        events=operation.count,
        unsuccessful=_unsuccessful(operation),
        inside=tuple(
            Inside(
                event.sentence,
                reading.url(event=str(event.event)),
                event.time,
                code_labels.look(end(event)).words,
            )
            for event in events
        ),
        last=last if last - begun > LATE else None,
        all_url=url_of(every.ordered(by_event_time=False, newest_first=False))
        if operation.count > len(events)
        else "",
    )


def _unsuccessful(operation: operation_events.Operation) -> str:
    """How many events were not successful, as "1 failed, 2 expired"; empty where the row's own
    outcome says it all."""
    if not operation.unsuccessful.keys() - {operation.telling.outcome}:
        return ""
    words = operation_events.UNSUCCESSFUL
    return ", ".join(f"{n:,} {words[outcome]}" for outcome, n in operation.unsuccessful.items())


def _row(row: EventRow, reading: Reading, sizes: LogSizes, outcome: str) -> Row:
    apart = abs(row.recorded_at - row.time) > LATE
    return Row(
        id=row.event,
        index=row.seq,
        sentence=emphasised(row.sentence, row.actor_name, row.target_name),
        outcome=outcome,
        severity=SEVERITIES[row.severity],
        human=row.human,
        log=sizes.level(row.seq),
        time=row.time,
        recorded_at=row.recorded_at,
        happened=row.time if apart else None,
        url=f"/audit/events/{row.event}/",
        drawer_url=reading.url(event=str(row.event)),
        open=row.event == reading.event,
        day=_day(row, reading),
    )


def _day(row: EventRow, reading: Reading) -> str:
    """The UTC day of the time that rows are sorted by, for the heading above them."""
    moment = row.time if reading.query.by_event_time else row.recorded_at
    return f"{moment:%A}, {moment.day} {moment:%b %Y}"


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
