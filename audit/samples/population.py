"""Which events of a signed tree a filter takes, one by one, as the log as a file tells it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import batched
from typing import Any, Final

from audit.exports import reading
from audit.ledger import entry as entries
from audit.ledger.exportmatch import PERSONAL, Wanted
from audit.ledger.query import EventQuery
from audit.load import openings_of
from audit.models import Entry
from audit.takeout import released_of

_BATCH: Final = 500


class Population:
    """The events of a filter in the tree of `size`; read once, in memory of a batch.

    Plain keys are in no entry hidden, so the search index alone tells them. Whether a text or a
    name belongs can rest on values that were erased or that the log as a file withholds: those
    entries are opened, as who draws again has them.

    Args:
        query: as `audit.ledger.sampling.canonical_filter` spells it; without levels.
    """

    def __init__(self, query: EventQuery, size: int) -> None:
        self._query, self._size = query, size
        self._wanted = Wanted(query, None, "")
        self.undecided = 0

    def __iter__(self) -> Iterator[tuple[int, None]]:
        """Positions; while they come, `undecided` counts those of whom nobody can tell."""
        found = reading.positions(plain_of(self._query), size=self._size)
        if not opens(self._query):
            yield from ((seq, None) for seq in found)
            return
        for some in batched(found, _BATCH):
            for seq, event in opened(some).items():
                belongs = self._wanted.has(event)
                self.undecided += belongs is None
                if belongs:
                    yield seq, None

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
