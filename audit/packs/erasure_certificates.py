"""Certificates of erasure that a pack needs, because values of its events are gone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from uuid import UUID

from audit.ledger.format.commitment import Opening
from audit.ledger.offline import erasures
from audit.models import Entry, EventRow
from audit.recording.stored_event_loader import parse_stored

type Leaves = dict[int, tuple[UUID, bytes]]


def certificates_for(
    leaves: Mapping[int, tuple[UUID, bytes]], held: Mapping[UUID, Iterable[Opening]], size: int
) -> Leaves:
    """Entries by index that say why values of these are missing, and are not among them.

    Args:
        leaves: event and entry by index.
        held: openings of each event that still exist.
        size: of the tree that the pack proves.

    Raises:
        AlteredEntry: one of them, or one that an erasure left, was altered.
    """
    gone = [
        index
        for index, (event, entry) in leaves.items()
        if erasures.missing(parse_stored(index, event, entry), {one.path for one in held[event]})
    ]
    if not gone:
        return {}
    ends = EventRow.objects.filter(action__in=erasures.ENDS, source="portal", seq__lt=size)
    certified = Entry.objects.filter(event__in=ends.values("event")).order_by("seq")
    found: Leaves = {}
    for seq, event, body in certified.values_list("seq", "event", "event__entry"):
        one = erasures.certificate(seq, parse_stored(seq, event, bytes(body)))
        if one is not None and seq not in leaves and any(map(one.covers, gone)):
            found[seq] = (event, bytes(body))
    return found
