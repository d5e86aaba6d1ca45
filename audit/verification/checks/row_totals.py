"""Whether any row lies outside the log, found by counting.

Each table has as many rows as the walk along the log met in it, and as events have that were not
walked: then there is no other row in it. Looking each row up takes twenty times as long, and is
left to `audit.verification.checks.orphans` where the numbers do not agree. Rows that the walk met
differ from each other, because entries do, so none is counted twice that could make up for a stray.
"""

from __future__ import annotations

from dataclasses import dataclass
from operator import add
from uuid import UUID

from django.db import connection
from django.db.models import Exists, OuterRef

from audit.models import Entry, Event, EventRow

type Counts = tuple[int, ...]
"""Rows of openings, and of what is remembered of imports."""

NONE: Counts = (0, 0)
_TABLES = ("audit_openings", "audit_importedrow")
# Rows are read themselves: with an index alone, one that the index does not have would not count.
_ROWS = {"sqlite": "audit_eventrow NOT INDEXED", "postgresql": "audit_eventrow"}


@dataclass(frozen=True, slots=True)
class Tally:
    """How many rows there are, less those of events behind `size` or without a leaf.

    Of such an event count its event, its openings, its memories of an import, and its search row if
    that says the place where the event is. What they are about must be an event, else they count.
    """

    size: int
    events: int
    rows: int
    counts: Counts

    def proves(self, walked: Counts) -> bool:
        """Whether no row lies outside the log.

        Args:
            walked: rows that belong to the `size` entries, each of which holds.
        """
        return self.events == self.rows == self.size and self.counts == walked


def take(size: int) -> Tally:
    """Count all rows, at one moment."""
    later = f"SELECT event_id AS id, seq FROM audit_entry WHERE seq >= {int(size)}"  # noqa: S608
    waiting = (
        "SELECT r.event AS id, NULL AS seq FROM audit_eventrow r WHERE r.seq IS NULL "
        "AND NOT EXISTS (SELECT 1 FROM audit_entry n WHERE n.event_id = r.event)"
    )
    numbers = [
        "(SELECT count(*) FROM audit_event) - (SELECT count(*) FROM outside)",
        f"(SELECT count(*) FROM {_ROWS[connection.vendor]}) - (SELECT count(*) FROM outside o "  # noqa: S608
        "JOIN audit_eventrow r ON r.event = o.id WHERE r.seq = o.seq "
        "OR (r.seq IS NULL AND o.seq IS NULL))",
    ]
    numbers += [
        f"(SELECT count(*) FROM {table}) - "  # noqa: S608 - constant names
        f"(SELECT count(*) FROM outside o JOIN {table} b ON b.event = o.id)"
        for table in _TABLES
    ]
    with connection.cursor() as cursor:
        cursor.execute(
            f"WITH outside AS (SELECT x.id, x.seq FROM ({later} UNION {waiting}) x "  # noqa: S608
            f"JOIN audit_event e ON e.id = x.id) SELECT {', '.join(numbers)}"
        )
        events, rows, *counts = cursor.fetchone()
    return Tally(size, events, rows, tuple(counts))


def added(one: Counts, other: Counts) -> Counts:
    """Both together."""
    return tuple(map(add, one, other))


def of(first: int, end: int) -> Counts:
    """Rows of the tables next to the entries `first <= seq < end`."""
    counts = ", ".join(
        f"(SELECT count(*) FROM audit_entry n JOIN {table} b ON b.event = n.event_id "  # noqa: S608
        f"WHERE n.seq >= {int(first)} AND n.seq < {int(end)})"
        for table in _TABLES
    )
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {counts}")
        return tuple(cursor.fetchone())


def waiting() -> list[UUID]:
    """Events without a leaf, where a tally proves that each of them has a search row."""
    leaf = Entry.objects.filter(event=OuterRef("event"))
    rows = EventRow.objects.filter(~Exists(leaf), seq__isnull=True)
    ids = list(rows.values_list("event", flat=True))
    return list(Event.objects.filter(id__in=ids).values_list("id", flat=True)) if ids else []
