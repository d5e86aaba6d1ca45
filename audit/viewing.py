"""Looking at the trail leaves a trace: `audit.viewed`, once per person, query and ten minutes."""

from __future__ import annotations

import hashlib

from django.core.cache import cache

from audit.actor import Actor
from audit.ledger.query import EventQuery
from audit.record import record

QUIET_S = 600


def digest_of(query: EventQuery) -> str:
    """Hex SHA-256 of a filter without its place; names a filter without telling what is in it."""
    return hashlib.sha256(f"ata.filter.v1\n{query.at('').to_bar()}".encode()).hexdigest()


def note(actor: Actor, query: EventQuery) -> bool:
    """Record that `actor` looked at the events of `query`; False when that was noted just now."""
    digest = digest_of(query)
    who = hashlib.sha256(f"{actor.iss}\n{actor.sub}\n{digest}".encode()).hexdigest()
    if not cache.add(f"audit.viewed:{who}", 1, QUIET_S):
        return False
    record(
        actor,
        "audit.viewed",
        data={"filter": digest},
        private={"query": query.at("").to_bar(), "words": query.in_words()},
    )
    return True
