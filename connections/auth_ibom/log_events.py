"""The events that tell of the inventory, read from the log at a cost that follows what they tell.

Uses are by far the most of them, and they only count: the rows of the search say how many there
were of each kind and which came first and last, so that the first alone is opened. Everything else
is opened, and found by a separate index. What comes out is what a walk over every event gives
(`Inventory.take` of each); a test holds the two equal.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from heapq import merge
from itertools import batched
from typing import Any, Final, NamedTuple
from uuid import UUID

from django.db.models import BooleanField, Count, Max, Min, Q, QuerySet
from django.db.models.expressions import RawSQL

from audit.models import EventRow
from audit.models.search_row_and_rollup import ACCESS, INVENTORY
from audit.recording import stored_event_loader
from connections.auth_ibom import replay
from connections.auth_ibom.replay import Counted, Inventory

_BATCH: Final = 500


def _telling() -> QuerySet[EventRow]:
    """Rows of what is opened, by the index of it."""
    return _of_actions(INVENTORY)


def about_access() -> QuerySet[EventRow]:
    """Rows about consents and refresh tokens; their targets' names are the public ids."""
    return _of_actions(ACCESS)


def _of_actions(actions: Iterable[str]) -> QuerySet[EventRow]:
    """Written out, since SQLite takes an index of some rows only where the question names the same
    values as the index does."""
    listed = ", ".join(f"'{action}'" for action in actions)
    where = RawSQL(f'"audit_eventrow"."action" IN ({listed})', (), output_field=BooleanField())  # noqa: S611 - names of ours
    return EventRow.objects.filter(where)


class _Ref(NamedTuple):
    """Which event is to be opened."""

    seq: int
    event: UUID
    human: str


def events(size: int, first: int = 0) -> Iterator[dict[str, Any]]:
    """Every event from `first` to below `size` that tells of the inventory, opened, in order."""
    found = EventRow.objects.filter(seq__gte=first, seq__lt=size, action__in=replay.ACTIONS)
    yield from _opened(_refs(found.order_by("seq")))


def known(size: int) -> Inventory:
    """The inventory after the first `size` entries."""
    inventory, within = Inventory(), Q(seq__lt=size)
    for event in _events_of(within):
        inventory.take(event)
    inventory.counted(_uses(within))
    return inventory


def between(first: int, size: int) -> tuple[Inventory, Iterator[dict[str, Any]], Iterator[Counted]]:
    """The inventory after `first` entries; the events from there up to `size`, the first use of
    each kind alone; and what all uses among them come to."""
    within = Q(seq__gte=first, seq__lt=size)
    return known(first), _events_of(within), _uses(within)


def _events_of(within: Q) -> Iterator[dict[str, Any]]:
    """Every event but uses, and the first use of each kind, in order."""
    firsts = sorted(use.first for use in _counts(within))
    return merge(
        _opened(_refs(_telling().filter(within).order_by("seq"))),
        _opened(_at(firsts)),
        key=lambda event: int(event["index"]),
    )


class _Count(NamedTuple):
    """How often one agent used an account through one component, and the first and last time."""

    account: str
    agent: str
    skill: str
    number: int
    first: int
    last: int


def _counts(within: Q) -> Iterator[_Count]:
    # The lower end of the names has the engine walk the index of a connection's story.
    uses = EventRow.objects.filter(
        within, target_kind="connection", target_name__gt="", action=replay.USE
    )
    grouped = uses.order_by().values("target_name", "agent", "skill")
    counted = grouped.annotate(number=Count("pk"), first=Min("seq"), newest=Max("seq")).values_list(
        "target_name", "agent", "skill", "number", "first", "newest"
    )
    for account, agent, skill, number, first, last in counted.iterator(_BATCH):
        yield _Count(account, agent, skill, number, first, last)


def _uses(within: Q) -> Iterator[Counted]:
    for some in batched(_counts(within), _BATCH):
        rows = EventRow.objects.filter(seq__in=[use.last for use in some])
        last = {seq: (event, time) for seq, event, time in rows.values_list("seq", "event", "time")}
        for use in some:
            event, time = last[use.last]
            yield Counted(use.account, use.agent, use.skill, use.number, use.last, time, str(event))


def _refs(rows: Any) -> Iterator[_Ref]:
    for seq, event, human in rows.values_list("seq", "event", "human").iterator(_BATCH):
        yield _Ref(seq, event, human)


def _at(places: Iterable[int]) -> Iterator[_Ref]:
    for some in batched(places, _BATCH):
        yield from _refs(EventRow.objects.filter(seq__in=some).order_by("seq"))


def _opened(refs: Iterable[_Ref]) -> Iterator[dict[str, Any]]:
    for some in batched(refs, _BATCH):
        yield from stored_event_loader.load_rows(some)
