"""Asking for a sample: recorded before anybody can know what will be drawn."""

from __future__ import annotations

import hashlib
from typing import Final
from uuid import UUID

from audit import clock
from audit.ledger.offline.samples import SampleError, canonical_filter, check_seed, check_size
from audit.ledger.query import EventQuery, InvalidQuery
from audit.recording.actors import Actor
from audit.recording.record import record
from audit.recording.trail_viewed_events import digest_of
from audit.sampling.population import opens, plain_of
from audit.search import event_search
from audit.sequencing import stored_tree_queries

MOST_OPENED: Final = 20_000
"""Entries that are opened for one draw, about four seconds of work."""


def ask(actor: Actor, query: EventQuery, size: int, seed: str = "") -> UUID:
    """Record that `actor` wants `size` events of a filter, and return the id of the draw.

    The first tree that is signed with this in it is drawn from. A seed that is named here was named
    before that tree was; without one the tree gives it.

    Raises:
        SampleError: it is no sample, or too much would have to be opened; the message says why.
        InvalidQuery: the filter has mistakes.
    """
    chosen = wanted(query)
    check_size(size)
    if seed:
        check_seed(seed)
    check_price(chosen)
    id = clock.uuid7()
    record(
        actor,
        "audit.sample_asked",
        id=id,
        operation=str(id),
        data={
            "filter": digest_of(chosen),
            "size": size,
            "seed_sha256": hashlib.sha256(seed.encode()).hexdigest() if seed else "",
        },
        private={"query": chosen.to_params(), "words": chosen.in_words(), "seed": seed},
    )
    return id


def wanted(query: EventQuery) -> EventQuery:
    """The filter in the one spelling that a draw has.

    Raises:
        SampleError: it asks about evidence, which no entry holds.
        InvalidQuery: it has mistakes.
    """
    if query.errors:
        raise InvalidQuery(query.errors)
    return EventQuery.from_params(canonical_filter(query))


def check_price(query: EventQuery) -> None:
    """Refuse a filter for which more entries would have to be opened than anybody waits for.

    Raises:
        SampleError: naming what to do.
    """
    if not opens(query):
        return
    most = event_search.expected(plain_of(query), size=stored_tree_queries.stored_size())
    if most.count > MOST_OPENED:
        raise SampleError(
            f"texts and names are looked up in the entries themselves, and {most} of them would "
            f"have to be opened, more than {MOST_OPENED:,}: add a time or an action to the filter, "
            "or draw from the log as a file with `ata audit sample`"
        )
