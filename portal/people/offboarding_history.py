"""Offboardings of a person on record: who started each, and what was decided in it.

Each is one request to the portal. Its start is an event; every decision in it is an event of the
same request, whose outcome is read from its operation, as it may wait for an approval.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from approvals.models import Person
from audit.ledger.query import EventQuery
from audit.models import EventRow
from audit.recording import sentences
from audit.recording.actors import Target
from audit.recording.record import record
from audit.recording.stored_event_loader import load_rows
from audit.search import event_search
from audit.views.trail import operation_outcomes
from connections.models import FrozenKind
from portal.people.offboarding_steps import Order

STARTED: Final = "person.offboarding_started"
_LATEST: Final = 5
"""Offboardings that the page lists; the trail has all of them."""
_MOST: Final = 200
"""Decisions that the page lists of each."""


@dataclass(frozen=True, slots=True)
class Offboarding:
    """One press of the button: `stand_in` is who answers requests in the place of the person, and
    `reviewer` who decides in access reviews."""

    time: datetime
    by: str
    reason: str
    stand_in: str
    stand_in_person: Person | None
    reviewer: str
    reviewer_person: Person | None
    decisions: list[EventRow]


def record_start(order: Order) -> None:
    """Record that an admin starts it, and whom they named in the person's place."""
    private: dict[str, Any] = {"what": str(order.person)}
    for name, one in (("stand_in", order.colleague), ("reviewer", order.reviewer)):
        if one is not None:
            private[name] = {"iss": one.iss, "sub": one.sub, "name": str(one)}
    record(
        order.admin,
        "person.offboarding_started",
        target=Target(FrozenKind.PERSON, order.person.sub),
        reason=order.reason,
        private=private,
    )


def last_started(person: Person) -> datetime | None:
    """When the latest offboarding of a person was started; None where none was."""
    query = EventQuery.parse({"action": [STARTED], "target": [person.sub]})
    rows = event_search.page(query, limit=1).rows
    return rows[0].time if rows else None


def offboardings_of(person: Person) -> list[Offboarding]:
    """The latest offboardings of a person, the newest first."""
    query = EventQuery.parse({"action": [STARTED], "target": [person.sub]})
    rows = event_search.page(query, limit=_LATEST).rows
    return [_offboarding(row, public) for row, public in zip(rows, load_rows(rows), strict=True)]


def _offboarding(start: EventRow, public: Mapping[str, Any]) -> Offboarding:
    data = public["data"]
    return Offboarding(
        start.time,
        start.actor_name or start.actor_email or start.actor_sub,
        sentences.shown(public["reason"]),
        *_named(data.get("stand_in") or {}),
        *_named(data.get("reviewer") or {}),
        _decisions(start),
    )


def _named(said: Mapping[str, Any]) -> tuple[str, Person | None]:
    """How an event names a person, and who that is now."""
    found = Person.objects.filter(iss=said.get("iss", ""), sub=said.get("sub", "")).first()
    return sentences.shown(said) or sentences.shown(said.get("name")), found


def _decisions(start: EventRow) -> list[EventRow]:
    """What was recorded of the same request by the same admin, with what each came to by now."""
    if not start.request:
        return []
    query = EventQuery.parse(
        {"request": [start.request], "actor": [start.actor_sub], "order": ["oldest"]}
    )
    found = event_search.page(query, limit=_MOST).rows
    rows = [row for row in found if row.actor_key == start.actor_key and row.action != STARTED]
    ends = operation_outcomes.came_to_rows(rows)
    for row in rows:
        row.outcome = ends.get(str(row.event), row.outcome)
    return rows
