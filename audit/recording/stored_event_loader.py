"""Events back from the database, as the public JSON of DESIGN 2.5."""

from __future__ import annotations

from base64 import b64decode
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import UUID

from django.db.models import F, OuterRef, Subquery

from audit.evidence import human_levels, log_proof_levels
from audit.evidence.log_proof_levels import LogSizes
from audit.ledger.format import entry as entries
from audit.ledger.format.canonical import EntryError
from audit.ledger.format.entry import Opening
from audit.models import Checkpoint, Entry, Event, EventRow, Openings
from audit.sequencing import signed_state


class AlteredEntry(EntryError):
    """An entry of the log, or a value of it, is not what was recorded.

    Attributes:
        name: of the entry, by its number or, where it has none yet, by its event.
    """

    def __init__(self, seq: int | None, event: object) -> None:
        self.name = f"entry {seq:,}" if seq is not None else f"event {event}"
        super().__init__("")

    def __str__(self) -> str:
        return f"{self.name} is not what was recorded: it was altered, or is missing"


def load(event_id: UUID) -> dict[str, Any]:
    """One public event.

    Raises:
        Event.DoesNotExist: there is none of that id.
        AlteredEntry: its entry or an opening was altered.
    """
    found = load_many([event_id])
    if not found:
        raise Event.DoesNotExist(f"no event {event_id}")
    return found[0]


@dataclass(frozen=True, slots=True)
class Recorded:
    """One event with what its exhibit needs: the exact entry and the newest checkpoint."""

    event: dict[str, Any]
    entry: bytes
    checkpoint: Checkpoint | None


def load_recorded(event_id: UUID) -> Recorded:
    """One public event with its entry; three queries.

    Raises:
        Event.DoesNotExist: there is none of that id.
        AlteredEntry: its entry or an opening was altered.
    """
    level = EventRow.objects.filter(event=OuterRef("id")).values("human")
    stored = Event.objects.annotate(seq=F("leaf__seq"), human=Subquery(level)).get(id=event_id)
    checkpoint = signed_state.newest_checkpoint()
    sizes = LogSizes(signed=checkpoint.size if checkpoint else 0)
    openings = openings_of([event_id])[event_id]
    entry = bytes(stored.entry)
    event = reveal(event_id, entry, openings, stored.seq, stored.human, sizes)
    return Recorded(event, entry, checkpoint)


def load_many(ids: Sequence[UUID], sizes: LogSizes | None = None) -> list[dict[str, Any]]:
    """Public events of the ids that exist, in the order asked for; four queries.

    Raises:
        AlteredEntry: an entry or an opening was altered.
    """
    rows = EventRow.objects.filter(event__in=ids).values_list("event", "seq", "human")
    return _load(ids, {event: (seq, level) for event, seq, level in rows}, sizes)


class Row(Protocol):
    """What a search row, or what stands for one, says of its event."""

    @property
    def event(self) -> UUID: ...
    @property
    def seq(self) -> int | None: ...
    @property
    def human(self) -> str: ...


def load_rows(rows: Sequence[Row], sizes: LogSizes | None = None) -> list[dict[str, Any]]:
    """Public events of search rows, in their order; three queries, two when `sizes` is given.

    Raises:
        AlteredEntry: an entry or an opening was altered.
    """
    known = {row.event: (row.seq, row.human) for row in rows}
    return _load([row.event for row in rows], known, sizes)


def _load(
    ids: Sequence[UUID], known: Mapping[UUID, tuple[int | None, str]], sizes: LogSizes | None
) -> list[dict[str, Any]]:
    sizes = sizes or log_proof_levels.current()
    stored = dict(Event.objects.filter(id__in=ids).values_list("id", "entry"))
    openings = openings_of(ids)
    events = []
    for id in ids:
        if id in stored:
            seq, level = known.get(id, (None, None))
            events.append(reveal(id, bytes(stored[id]), openings[id], seq, level, sizes))
    return events


def reveal(
    event_id: UUID,
    entry: bytes,
    openings: Iterable[Opening],
    seq: int | None,
    human_level: str | None,
    sizes: LogSizes,
) -> dict[str, Any]:
    """One public event from its parts; the human level is computed where none is given.

    Raises:
        AlteredEntry: the entry or an opening was altered.
    """
    try:
        event = entries.reveal(entry, openings, index=seq, log=sizes.level(seq))
    except EntryError as error:
        raise AlteredEntry(seq, event_id) from error
    event["human"] = human_level or human_levels.level(event)
    return event


def parse_stored(seq: int, event_id: UUID, entry: bytes) -> dict[str, Any]:
    """Read an entry, its personal values still closed.

    Raises:
        AlteredEntry: it is none.
    """
    try:
        return entries.parse(entry)
    except EntryError as error:
        raise AlteredEntry(seq, event_id) from error


def openings_of(ids: Sequence[UUID]) -> dict[UUID, list[Opening]]:
    """Openings that still exist, per event.

    Raises:
        AlteredEntry: a row of them has another form.
    """
    found: dict[UUID, list[Opening]] = defaultdict(list)
    for event, subject, values in Openings.objects.filter(event__in=ids).values_list(
        "event", "subject", "values"
    ):
        try:
            found[event] += [
                Opening(path, subject, b64decode(salt), value)
                for path, (salt, value) in values.items()
            ]
        except (ValueError, TypeError, AttributeError) as error:
            raise AlteredEntry(None, event) from error
    return found


def load_entries(first: int, end: int) -> list[dict[str, Any]]:
    """Public events at `first <= seq < end`, with freshly computed human levels."""
    found = Entry.objects.filter(seq__gte=first, seq__lt=end).order_by("seq")
    parts = list(found.values_list("seq", "event", "event__entry"))
    openings = openings_of([id for _, id, _ in parts])
    sizes = log_proof_levels.current()
    return [reveal(id, bytes(entry), openings[id], seq, None, sizes) for seq, id, entry in parts]
