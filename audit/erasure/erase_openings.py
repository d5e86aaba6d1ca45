"""Erasing a person: the values behind commitments go, the ledger stays whole."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import batched
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from audit.erasure import erase_names_in_text
from audit.erasure.subject_and_store_registry import Whose
from audit.models import EventRow, Openings
from audit.search import projection

_BATCH = 500
_WHO = frozenset({"actor.sub", "on_behalf_of.sub"})

Note = Callable[[Sequence[int]], None]
"""Called with the positions of events that lost values, in the transaction in which they do."""


def count(whose: Whose) -> int:
    """How many events hold values of the person, or of others who name them."""
    return len(_events(whose))


def _events(whose: Whose) -> set[UUID]:
    own = set(_own(whose.key).values_list("event", flat=True))
    return own | {opening.event for opening in _naming(whose)}


def erase_some(whose: Whose, note: Note, *, placed_only: bool = True, batch: int = _BATCH) -> int:
    """Erase values of one batch of events; returns how many, 0 when none is left.

    First what others wrote that names the person, then the person's own: as long as those are
    there, they tell which words to look for. With `placed_only` events that have no leaf yet are
    left for later, so that the certificate can name them.

    Raises:
        ValueError: the empty key, which belongs to nobody.
    """
    if not whose.key:
        raise ValueError("values that are about no one have no one to be erased for")
    if naming := _placed(_naming(whose), batch, placed_only):
        _erase(naming, note, lambda: _drop_naming(naming, whose))
        return len(naming)
    if own := _placed(_own(whose.key).only("event").iterator(), batch, placed_only):
        _erase(own, note, lambda: _own(whose.key).filter(event__in=list(own)).delete())
    return len(own)


def waiting(whose: Whose) -> int:
    """How many events with values to erase have no leaf yet; about a second later they have."""
    unplaced = set(EventRow.objects.filter(seq=None).values_list("event", flat=True))
    return len(unplaced & _events(whose)) if unplaced else 0


def ranges(positions: Sequence[int]) -> list[list[int]]:
    """Positions as sorted ranges `[first, last]`, both included."""
    found: list[list[int]] = []
    for seq in sorted(set(positions)):
        if found and found[-1][1] == seq - 1:
            found[-1][1] = seq
        else:
            found.append([seq, seq])
    return found


def _own(subject_key: str) -> QuerySet[Openings]:
    return Openings.objects.filter(subject=subject_key)


def _naming(whose: Whose) -> Iterator[Openings]:
    """Openings of others, or of nobody, that name the person."""
    pattern = whose.pattern()
    if pattern is None:
        return
    others = Openings.objects.exclude(subject=whose.key).order_by("id")
    for opening in erase_names_in_text.naming(others, ["values"], whose).iterator():
        if any(erase_names_in_text.holds(value, pattern) for _, value in opening.values.values()):
            yield opening


def _placed(openings: Iterable[Openings], batch: int, placed_only: bool) -> dict[UUID, int | None]:
    """The first of their events, with their positions."""
    found: dict[UUID, int | None] = {}
    for some in batched(openings, batch):
        rows = EventRow.objects.filter(event__in=[o.event for o in some])
        if placed_only:
            rows = rows.filter(seq__isnull=False)
        found.update(rows.values_list("event", "seq"))
        if len(found) >= batch:
            break
    return found


def _erase(events: dict[UUID, int | None], note: Note, drop: Callable[[], object]) -> None:
    with transaction.atomic():
        drop()
        projection.refresh(list(events))
        note(sorted(seq for seq in events.values() if seq is not None))


def _drop_naming(events: Iterable[UUID], whose: Whose) -> None:
    """Take the values that name the person out of openings of others."""
    pattern = whose.pattern()
    assert pattern is not None
    others = Openings.objects.exclude(subject=whose.key).filter(event__in=list(events))
    for opening in others.select_for_update():
        named = {p for p, (_, v) in opening.values.items() if erase_names_in_text.holds(v, pattern)}
        kept = {path: held for path, held in opening.values.items() if path not in named}
        # One subject under two keys is the same person: the verifier asks whose values are.
        if not kept or any(opening.values[path][1] in whose.subs for path in named & _WHO):
            opening.delete()
        elif named:
            opening.values = kept
            opening.save(update_fields=["values"])
