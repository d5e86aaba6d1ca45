"""Which events of a signed tree a filter takes, one by one, as the log as a file tells it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import batched
from typing import Any, Final

from audit.exports import lines_in_query_order
from audit.exports.full_log import released_of
from audit.importing.secret_masking import mask
from audit.ledger.format import entry as entries
from audit.ledger.offline.export_filter_match import PERSONAL, Wanted
from audit.ledger.offline.samples import Source, source_from, source_of
from audit.ledger.query import EventQuery
from audit.models import Entry, EventRow, Openings
from audit.recording.stored_event_loader import openings_of

_BATCH: Final = 500
_LOOKED_UP: Final = 2_000
_REPORTER: Final = "private.reported_by"
_OF_SOURCE: Final = ("source", "instance", "actor_key", "actor_sub")
_NUL: Final = "\N{SYMBOL FOR NULL}"
"""What a search row has where a subject has NUL, so that its key is another."""


class Population:
    """The events of a filter in the tree of `size`; read once, in memory of a batch.

    Plain keys are in no entry hidden, so the search index alone tells them. Whether a text or a
    name belongs can rest on values that were erased or that the log as a file withholds: those
    entries are opened, as who draws again has them.

    Args:
        query: as `audit.ledger.offline.samples.canonical_filter` spells it; without levels.
    """

    def __init__(self, query: EventQuery, size: int) -> None:
        self._query, self._size = query, size
        self._wanted = Wanted(query, None, "")
        self.undecided = 0

    def __iter__(self) -> Iterator[tuple[int, Source, None]]:
        """Positions; while they come, `undecided` counts those of whom nobody can tell."""
        found = lines_in_query_order.positions(plain_of(self._query), size=self._size)
        if not opens(self._query):
            for some in batched(found, _LOOKED_UP):
                yield from ((seq, source, None) for seq, source in _sources(some))
            return
        for some in batched(found, _BATCH):
            for seq, event in opened(some).items():
                belongs = self._wanted.has(event)
                self.undecided += belongs is None
                if belongs:
                    yield seq, source_of(event), None

    def takes(self, event: Mapping[str, Any]) -> bool:
        """Whether the filter takes an event for certain."""
        return self._wanted.has(dict(event)) is True


def opens(query: EventQuery) -> bool:
    """Whether the filter asks about texts or names, so that entries have to be opened."""
    return any(clause.key in PERSONAL for clause in query.clauses)


def plain_of(query: EventQuery) -> EventQuery:
    """The filter without what it asks about texts and names."""
    for clause in query.clauses:
        if clause.key in PERSONAL:
            query = query.dropping(clause.key, excluded=clause.excluded)
    return query


def opened(positions: tuple[int, ...]) -> dict[int, dict[str, Any]]:
    """Events by position with the values that the log as a file has; two queries.

    Raises:
        EntryError: an entry or an opening was altered.
    """
    rows = Entry.objects.filter(seq__in=positions).values_list("seq", "event", "event__entry")
    found = {seq: (event, bytes(entry)) for seq, event, entry in rows}
    held = openings_of([event for event, _ in found.values()])
    return {
        seq: entries.reveal(entry, released_of(held[event]), index=seq)
        for seq, (event, entry) in sorted(found.items())
    }


def _sources(positions: tuple[int, ...]) -> Iterator[tuple[int, Source]]:
    """The sources of events by their search rows, and by their entries where a row cannot say."""
    rows = EventRow.objects.filter(seq__in=positions)
    found = {seq: row for seq, *row in rows.values_list("seq", *_OF_SOURCE)}
    reporters = _reporters([seq for seq, row in found.items() if row[0] == "external"])
    subs = {sub for *_, sub in found.values()}
    clear = {sub for sub in subs if mask(sub) == sub and _NUL not in sub}
    unclear = []
    for seq in positions:
        source, instance, actor, sub = found.get(seq, ("", "", "", None))
        if sub in clear:
            yield seq, source_from(source, instance, actor, reporters.get(seq))
        else:
            unclear.append(seq)
    for some in batched(unclear, _BATCH):
        yield from ((seq, source_of(event)) for seq, event in opened(some).items())


def _reporters(positions: Sequence[int]) -> dict[int, Any]:
    """Who reported each event, where that is neither erased nor withheld."""
    if not positions:
        return {}
    rows = EventRow.objects.filter(seq__in=positions).values_list("event", "seq")
    events = {event: seq for event, seq in rows if seq is not None}
    held = Openings.objects.filter(event__in=list(events)).values_list("event", "values")
    named = {events[event]: values[_REPORTER][1] for event, values in held if _REPORTER in values}
    return {seq: one for seq, one in named.items() if mask(one) == one}
