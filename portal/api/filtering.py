"""Filters in requests of `/v1`: mistakes become problems that name the nearest that would work."""

from __future__ import annotations

from audit.ledger.query import KEYS, EventQuery
from portal.api.problems import Problem


def check(query: EventQuery, prefix: str = "") -> None:
    """Refuse a filter with mistakes; `prefix` is where in the request the filter is.

    Raises:
        Problem: 422 `unknown_filter` or `bad_filter`, with pointer and nearest of the first, and
            all of them in `errors`.
    """
    if not query.errors:
        return
    first = query.errors[0]
    raise Problem(
        422,
        "bad_filter" if first.key in KEYS else "unknown_filter",
        f"{first.message}.",
        pointer=f"{prefix}/{first.key}",
        nearest=first.nearest or None,
        errors=[
            {"key": e.key, "message": e.message, "nearest": e.nearest or None} for e in query.errors
        ],
    )
