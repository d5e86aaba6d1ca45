"""The one filter language of the audit trail: parse it, say it in words, match events with it."""

from __future__ import annotations

from audit.ledger.query.event_filter import Clause, EventQuery
from audit.ledger.query.filter_keys import KEYS, instant
from audit.ledger.query.text_search import TEXT_FIELDS, Term, normalise, search_words, terms, words

from .errors import InvalidQuery, QueryError

__all__ = [
    "KEYS",
    "TEXT_FIELDS",
    "Clause",
    "EventQuery",
    "InvalidQuery",
    "QueryError",
    "Term",
    "instant",
    "normalise",
    "search_words",
    "terms",
    "words",
]
