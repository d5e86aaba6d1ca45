"""The events inside of the operations that a page of the trail has one row for."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from audit.models import EventRow
from audit.views.trail.operation_outcomes import PENDING

SHOWN: Final = 20
"""Events of one operation that a row opens to, the last recorded; the rest is a link away."""

_COLUMNS: Final = ", ".join(f'"{field.column}"' for field in EventRow._meta.concrete_fields)
_OF_ONE: Final = (
    "FROM audit_eventrow WHERE operation = %s AND NOT (operation = '')"  # fits its index
)


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation: its last events in the order of the log, and how many it has in all."""

    events: Sequence[EventRow]
    count: int

    def most_telling(self) -> EventRow:
        """The event that says what the operation came to.

        It is the last decision, or the last news of its request: neither an answer of a gateway to
        a decision nor the approval that the decision follows.
        """
        own = [event for event in self.events if event.source == "portal"] or self.events
        decided = {event.action for event in own if event.outcome == PENDING}
        telling = [
            event
            for event in own
            if event.action != "approval.approved"
            and (event.outcome == PENDING or event.action not in decided)
        ]
        return (telling or own)[-1]


def of_rows(rows: Iterable[EventRow]) -> dict[str, Operation]:
    """The operations of these rows that have more than one event; one query."""
    names = sorted({row.operation for row in rows if row.operation})
    if not names:
        return {}
    one = (
        f"SELECT * FROM (SELECT {_COLUMNS}, (SELECT count(*) {_OF_ONE}) AS inside {_OF_ONE} "  # noqa: S608 - constant names
        f"ORDER BY event DESC LIMIT {SHOWN}) o"
    )
    found: dict[str, list[EventRow]] = defaultdict(list)
    asked = " UNION ALL ".join([one] * len(names))
    for event in EventRow.objects.raw(asked, [name for name in names for _ in range(2)]):
        found[event.operation].append(event)
    return {
        name: Operation(sorted(events, key=_place), events[0].inside)  # type: ignore[attr-defined]  # counted by the statement
        for name, events in found.items()
        if len(events) > 1
    }


def _place(event: EventRow) -> tuple[bool, int, str]:
    return event.seq is None, event.seq or 0, event.event.hex
