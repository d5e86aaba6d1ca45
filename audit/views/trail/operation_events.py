"""The events inside of the operations that a page of the trail has one row for."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from django.db.models import Count, F, Max, Q, Window
from django.db.models.functions import RowNumber

from audit.models import EventRow
from audit.views.trail.operation_outcomes import PENDING

SHOWN: Final = 20
"""Events of one operation that a row opens to, the last recorded; the rest is a link away."""

UNSUCCESSFUL: Final = {
    "failure": "failed",
    "denied": "denied",
    "expired": "expired",
    "unknown": "unknown",
}
"""The outcomes that a row reports in words next to its count of events, with their words."""

_ALIKE: Final = ("operation", "source", "action", "outcome")


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation: its last `events` in the order of the log, and what all of its events are.

    `count` is how many it has, `severity` the gravest rank among them, `unsuccessful` how many have
    each outcome of `UNSUCCESSFUL`, and `telling` the event that states the result."""

    events: Sequence[EventRow]
    telling: EventRow
    count: int
    severity: int
    unsuccessful: Mapping[str, int]


def most_telling(events: Sequence[EventRow]) -> EventRow:
    """The event that says what the operation came to, of its events in the order of the log.

    It is the last decision, or the last news of its request: neither an answer of a gateway to a
    decision nor the approval that the decision follows.
    """
    own = [event for event in events if event.source == "portal"] or events
    decided = {event.action for event in own if event.outcome == PENDING}
    telling = [
        event
        for event in own
        if event.action != "approval.approved"
        and (event.outcome == PENDING or event.action not in decided)
    ]
    return (telling or own)[-1]


def of_rows(rows: Iterable[EventRow]) -> dict[str, Operation]:
    """The operations of these rows that have more than one event; one query.

    It reads the last events of each, and the last of those that have source, action and outcome in
    common with how many they are: so all events count, however many answers follow a decision.
    """
    names = {row.operation for row in rows if row.operation}
    if not names:
        return {}
    newest = F("event").desc()
    of_these = EventRow.objects.exclude(operation="").filter(operation__in=names)  # fits its index
    read = of_these.defer("terms").annotate(
        back=Window(RowNumber(), partition_by="operation", order_by=newest),
        back_alike=Window(RowNumber(), partition_by=_ALIKE, order_by=newest),
        alike=Window(Count("event"), partition_by=_ALIKE),
        gravest=Window(Max("severity"), partition_by=_ALIKE),
    )
    found = defaultdict(list)
    for event in read.filter(Q(back__lte=SHOWN) | Q(back_alike=1)):
        found[event.operation].append(event)
    operations = {}
    for name, unsorted in found.items():
        events = sorted(unsorted, key=_place)
        last = [event for event in events if event.back_alike == 1]
        operations[name] = Operation(
            events=[event for event in events if event.back <= SHOWN],
            telling=most_telling(events),
            count=sum(event.alike for event in last),
            severity=max(event.gravest for event in last),
            unsuccessful={
                outcome: number
                for outcome in UNSUCCESSFUL
                if (number := sum(event.alike for event in last if event.outcome == outcome))
            },
        )
    return {name: operation for name, operation in operations.items() if operation.count > 1}


def _place(event: EventRow) -> tuple[bool, int, str]:
    return event.seq is None, event.seq or 0, event.event.hex
