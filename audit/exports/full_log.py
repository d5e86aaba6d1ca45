"""All entries of the log as one file that proves itself (`audit.ledger.offline.log_file`).

With it a third party runs the filter of an export again. Values that look like secrets of other
systems stay here, and are named as withheld.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from django.db.models import Count, Sum, TextField
from django.db.models.functions import Cast, Length

from audit.importing.secret_masking import mask
from audit.ledger import checkpoint as checkpoints
from audit.ledger.format.entry import Opening
from audit.ledger.offline import log_file
from audit.models import Checkpoint, Entry, Event, Openings
from audit.proofs.cosigned_note import signed_note
from audit.recording.actors import Actor
from audit.recording.record import record
from audit.recording.stored_event_loader import openings_of
from audit.sequencing import signed_state

_BATCH = 500
_SAMPLE = 200


class NoSuchTree(LookupError):
    """Nothing was signed yet, or never a tree of that size."""


def checkpoint_of(size: int | None) -> Checkpoint:
    """The checkpoint whose entries are wanted; None is the newest.

    Raises:
        NoSuchTree: there is none.
    """
    if size is None:
        found = signed_state.newest_checkpoint()
    else:
        found = Checkpoint.objects.filter(size=size).order_by("id").first()
    if found is None:
        raise NoSuchTree("no tree of that size was signed")
    return found


def length_of(checkpoint: Checkpoint) -> int:
    """About how many bytes the file will have, from the newest entries of the tree.

    The database adds up what is stored: nothing is opened or masked for a number on a page.
    """
    first = max(0, checkpoint.size - _SAMPLE)
    newest = Entry.objects.filter(seq__gte=first, seq__lt=checkpoint.size).values("event")
    entries = Event.objects.filter(id__in=newest).aggregate(
        bytes=Sum(Length("entry")), count=Count("id")
    )
    openings = Openings.objects.filter(event__in=newest).aggregate(
        bytes=Sum(Length(Cast("values", TextField())))
    )
    lines: int = (entries["bytes"] or 0) + (openings["bytes"] or 0)
    return int(lines * checkpoint.size // max(entries["count"], 1))


def hand_out(reader: Actor, checkpoint: Checkpoint) -> Iterator[bytes]:
    """The file in pieces, in flat memory; records `audit.exported` at once."""
    record(
        reader,
        "audit.exported",
        data={"format": "entries", "count": checkpoint.size, "tree_size": checkpoint.size},
    )
    return _pieces(checkpoint)


def released_of(held: Iterable[Opening]) -> list[Opening]:
    """Those of an event's openings that the file has."""
    return [one for one in held if mask(one.value) == one.value]


def _pieces(checkpoint: Checkpoint) -> Iterator[bytes]:
    origin = checkpoints.parse(checkpoint.note).origin
    yield log_file.header(origin, checkpoint.size, signed_note(checkpoint))
    yield from _lines(0, checkpoint.size)


def _lines(start: int, end: int) -> Iterator[bytes]:
    for first in range(start, end, _BATCH):
        rows = Entry.objects.filter(seq__gte=first, seq__lt=min(first + _BATCH, end))
        found = list(rows.order_by("seq").values_list("seq", "event", "event__entry"))
        held = openings_of([event for _, event, _ in found])
        lines = []
        for seq, event, entry in found:
            released = released_of(held[event])
            withheld = {one.path for one in held[event]} - {one.path for one in released}
            lines.append(log_file.line(seq, bytes(entry), released, withheld))
        yield b"".join(lines)
