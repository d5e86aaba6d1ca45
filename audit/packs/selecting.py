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
"""Most events of one approval, or of one operation, that are looked up."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Events for a pack.

    Attributes:
        ids: in no order.
        about: how they were chosen, as the manifest says it: `{"event": id}` or `{"filter": bar}`.
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
    found = [id]
    for key in ("approval", "operation"):
        if event[key]:
            query = EventQuery().including(key, event[key])
            rows = search.page(query, _STORY, person=person).rows
            found += [row.event for row in rows]
    ids = tuple(dict.fromkeys(found))
    others = f" With the {len(ids) - 1} other events of the same act." if len(ids) > 1 else ""
    sentence = actions.sentence(event).rstrip(".")
    return Selection(ids, {"event": str(id)}, f"{sentence}.{others}", person=person)


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
