"""Which events go into a pack: one with all that belongs to its act, or those of a filter."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import islice
from typing import Any
from uuid import UUID

from audit import actions, heads, search
from audit.ledger.pack import MAX_EVENTS
from audit.ledger.query import EventQuery, InvalidQuery

_STORY = 200
"""Most other events of one approval and one operation that go into a pack."""
_COUNTED = 2_000
"""So many are counted as left out."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Events for a pack.

    Attributes:
        ids: in no order.
        about: how they were chosen, as the manifest says it: `{"event": id, "left_out": n}` or
            `{"filter": bar}`.
        words: the same as a sentence.
        more: whether the filter has more events than a pack holds.
        person: `subject_key` of the only person whose values these may be; "" is everybody's.
    """

    ids: tuple[UUID, ...]
    about: dict[str, Any] = field(default_factory=dict)
    words: str = ""
    more: bool = False
    person: str = ""


def of_event(event: dict[str, Any], *, person: str = "") -> Selection:
    """A public event with the events of its approval and of its operation.

    Args:
        event: the one it is about.
        person: `subject_key` of the only person whose events these may be; "" is everybody's.
    """
    id = UUID(event["id"])
    found, reported = [id], 0
    for key in ("approval", "operation"):
        if event[key]:
            query = EventQuery().including(key, event[key])
            if event["source"] != "external":
                # Versions before let a report name an operation: it belongs to none of ours.
                reported += _count(query.including("source", "external"), person)
                query = query.including("source", "external", excluded=True)
            found += _ids(query, person)
    ids = tuple(dict.fromkeys(found))
    kept = ids[: _STORY + 1]
    left_out = len(ids) - len(kept) + reported
    others = f" With {len(kept) - 1} other events of the same operation." if len(kept) > 1 else ""
    missing = f" {left_out} events that name it were left out." if left_out else ""
    sentence = actions.sentence(event).rstrip(".")
    about = {"event": str(id), "left_out": left_out}
    return Selection(kept, about, f"{sentence}.{others}{missing}", person=person)


def _ids(query: EventQuery, person: str) -> list[UUID]:
    """Events of a query, the oldest first, and enough of them to see how many are left out."""
    rows = search.page(query.including("order", "oldest"), _COUNTED, person=person).rows
    return [row.event for row in rows]


def _count(query: EventQuery, person: str) -> int:
    return len(search.page(query, _COUNTED, person=person).rows)


def of_query(query: EventQuery, *, person: str = "") -> Selection:
    """The first events of a filter in the signed tree, at most `MAX_EVENTS`, in its order.

    Raises:
        InvalidQuery: the query has errors.
    """
    if query.errors:
        raise InvalidQuery(query.errors)
    newest = heads.newest_checkpoint()
    size = newest.size if newest else 0
    events = search.iterate(query.at(""), size=size, person=person)
    found = [UUID(event["id"]) for event in islice(events, MAX_EVENTS + 1)]
    plain = query.at("")
    ids = tuple(found[:MAX_EVENTS])
    more = len(found) > MAX_EVENTS
    return Selection(ids, {"filter": plain.to_bar()}, plain.in_words(), more, person)
