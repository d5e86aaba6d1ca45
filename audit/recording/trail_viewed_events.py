"""Looking at the trail leaves a trace: `audit.viewed`, once per person, query and ten minutes."""

from __future__ import annotations

import hashlib
import logging

from django.core.cache import cache
from django.db import transaction

from audit import clock
from audit.db.storage_error_kinds import is_not_stored
from audit.ledger.query import EventQuery
from audit.recording.actors import Actor
from audit.recording.record import record

log = logging.getLogger(__name__)

QUIET_S = 600


def digest_of(query: EventQuery) -> str:
    """Hex SHA-256 of a filter without its place; names a filter without telling what is in it."""
    return digest_of_text(query.at("").to_bar())


def digest_of_text(bar: str) -> str:
    """The same for the text of a filter, whose relative dates stay relative."""
    return hashlib.sha256(f"ata.filter.v1\n{bar}".encode()).hexdigest()


def note(actor: Actor, query: EventQuery) -> bool:
    """Record that `actor` looked at the events of `query`; False when that was noted just now.

    Where nothing can be stored the trail is shown all the same: people who look for what went
    wrong need it most then. The log of the process says so, and the next look tries again.
    """
    written = digest_of_text(query.at("").written_bar())  # `12h` is one filter while time passes
    day = f"{clock.now():%Y-%m-%d}" if query.relative else ""  # `before:today` gains a day at once
    who = hashlib.sha256(f"{actor.iss}\n{actor.sub}\n{written}\n{day}".encode()).hexdigest()
    if not cache.add(f"audit.viewed:{who}", 1, QUIET_S):
        return False
    try:
        with transaction.atomic():  # its own: what is around it goes on without the event
            record(
                actor,
                "audit.viewed",
                data={"filter": digest_of(query)},
                private={"query": query.at("").to_bar(), "words": query.in_words()},
            )
    except Exception as error:
        if not is_not_stored(error):
            raise
        cache.delete(f"audit.viewed:{who}")
        log.warning("a look at the trail could not be recorded: nothing can be stored")
        return False
    return True
