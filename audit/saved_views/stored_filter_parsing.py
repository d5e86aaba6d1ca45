"""What a stored filter means today: parsed again at every use, its mistakes shown and never run."""

from __future__ import annotations

from audit.erasure.subject_and_store_registry import MARK
from audit.ledger.query import EventQuery, QueryError
from audit.search import filter_parsing


def query_of(text: str) -> EventQuery:
    """The query of a stored filter; `errors` say why it cannot be run."""
    if MARK in text:
        return EventQuery(errors=(QueryError("", "it named a person who was erased since"),))
    return filter_parsing.from_bar(text)
