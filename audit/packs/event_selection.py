"""Which events go into a pack: one with all that belongs to its act, or those of a filter."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import islice
from typing import Any
from uuid import UUID

from django.db.models import BooleanField, ExpressionWrapper, F, Q

from audit.ledger.format.allowed_field_values import IMPORTED
from audit.ledger.packs.archive import MAX_EVENTS
from audit.ledger.query import EventQuery, InvalidQuery
from audit.models import EventRow
from audit.recording import action_registry
from audit.search import event_search
from audit.search.index_tokens import value_token
from audit.sequencing import signed_state

_STORY = 200
"""Most other events of one approval and one operation that go into a pack."""
_COUNTED = 2_000
"""So many are listed of each; where there are more, what is left out is a lower bound."""

_PLACE = F("seq").asc(nulls_last=True)


@dataclass(frozen=True, slots=True)
class Selection:
    """Events for a pack.

    Attributes:
        ids: in no order.
        about: how they were chosen, as the manifest says it: `{"event": id, "left_out": n}`, with
            `"left_out_at_least": true` where n is a lower bound, or `{"filter": bar}`.
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
    reported: set[UUID] = set()
    reports = event["source"] in IMPORTED
    if event["approval"]:
        some, more = _of_approval(event["approval"], person, reports=reports)
        found, reported = found + some, reported.union(more)
    if event["operation"]:
        some, more = _of_operation(event["operation"], person, reports=reports)
        found, reported = found + some, reported.union(more)
    ids = tuple(dict.fromkeys(found))
    kept = ids[: _STORY + 1]
    left_out = len(ids) - len(kept) + len(reported)
    others = f" With {len(kept) - 1} other events of the same operation." if len(kept) > 1 else ""
    about: dict[str, Any] = {"event": str(id), "left_out": left_out}
    number = str(left_out)
    if left_out >= _COUNTED - _STORY - 1:
        about["left_out_at_least"], number = True, f"At least {left_out}"
    were = "event that names it was" if number == "1" else "events that name it were"
    missing = f" {number} {were} left out." if left_out else ""
    sentence = action_registry.sentence(event).rstrip(".")
    own = " Only events of the person who made the pack." if person else ""
    return Selection(kept, about, f"{sentence}.{others}{missing}{own}", person=person)


def _of_approval(id: str, person: str, *, reports: bool) -> tuple[list[UUID], list[UUID]]:
    """Its events, the oldest first and enough to see how many are left out, and its imports.

    An import never names an approval; versions before let a report do so.
    """
    query = EventQuery().including("approval", id).including("order", "oldest")
    if reports:
        return _ids(query, person), []
    imported, own = query, query
    for source in IMPORTED:
        imported = imported.including("source", source)
        own = own.including("source", source, excluded=True)
    return _ids(own, person), _ids(imported, person)


def _ids(query: EventQuery, person: str) -> list[UUID]:
    return [row.event for row in event_search.page(query, _COUNTED, person=person).rows]


def _of_operation(name: str, person: str, *, reports: bool) -> tuple[list[UUID], list[UUID]]:
    """As `_of_approval`, by the index of the operations: the page of an event asks for it too.

    A row of a gateway may have the operation of a decision, by a tag that the gateway can read.
    Own events come first, so that no number of imported ones crowds them out.
    """
    rows = EventRow.of_operation(name)
    if person:
        rows = rows.filter(terms__contains=f" {value_token('person', person)} ")
    if reports:
        ordered = rows.order_by(_PLACE, "event").values_list("event", flat=True)
        return list(ordered[:_COUNTED]), []
    is_imported = ExpressionWrapper(Q(source__in=IMPORTED), BooleanField())
    both = rows.annotate(imported=is_imported).order_by("imported", _PLACE, "event")
    found = list(both.values_list("event", "imported")[: 2 * _COUNTED])
    own = [event for event, other in found if not other]
    imported = [event for event, other in found if other]
    if len(found) == 2 * _COUNTED:  # own ones may have left too few places for imported ones
        imported = list(both.filter(imported=True).values_list("event", flat=True)[:_COUNTED])
    return own[:_COUNTED], imported[:_COUNTED]


def of_query(query: EventQuery) -> Selection:
    """The first events of a filter in the signed tree, at most `MAX_EVENTS`, in the order of the
    log.

    Raises:
        InvalidQuery: the query has errors.
    """
    if query.errors:
        raise InvalidQuery(query.errors)
    newest = signed_state.newest_checkpoint()
    size = newest.size if newest else 0
    plain = query.in_log_order()
    events = event_search.iterate(plain, size=size)
    found = [UUID(event["id"]) for event in islice(events, MAX_EVENTS + 1)]
    ids = tuple(found[:MAX_EVENTS])
    more = len(found) > MAX_EVENTS
    return Selection(ids, {"filter": plain.to_bar()}, plain.in_words(), more)
