"""What the audit trail holds about me: what I did, and what was done on my behalf."""

from __future__ import annotations

from dataclasses import dataclass

from audit import exports
from audit.ledger.query import EventQuery
from audit.models import EventRow, ExportJob
from audit.recording.actors import Actor
from audit.search import event_search
from audit.views.trail import operation_outcomes

PAGE = 25


@dataclass(frozen=True, slots=True)
class Mine:
    """A page of my events, each with the outcome of its operation. `problem`: why there is none."""

    rows: list[EventRow]
    older: str = ""
    newer: str = ""
    total: str = ""
    problem: str = ""


def mine(me: Actor, cursor: str = "") -> Mine:
    """Events in which I acted or somebody acted for me, newest first."""
    query = EventQuery.parse({"cursor": [cursor]})
    try:
        page = event_search.page(query, limit=PAGE, person=me.key)
    except (event_search.BadCursor, ValueError):
        return Mine([], problem="This place in the list is not one of ours. Start at the newest.")
    ends = operation_outcomes.came_to_rows(page.rows)
    for row in page.rows:
        row.outcome = ends.get(str(row.event), row.outcome)
    return Mine(page.rows, page.next_cursor, page.prev_cursor, str(page.total))


def export(me: Actor, format_name: str) -> ExportJob:
    """A file of all of it, and of nothing else; `audit.exported` tells of it.

    Raises:
        UnsupportedFormat, NothingSigned: of `audit.exports`.
    """
    return exports.request(me, EventQuery.parse({}), format_name, person=me.key)
