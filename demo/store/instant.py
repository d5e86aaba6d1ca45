"""Instants as nanoseconds since 1970, and the text forms the generations store them in."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SECOND = 1_000_000_000


def now_ns() -> int:
    """Return the present instant in nanoseconds since 1970 (UTC)."""
    return time.time_ns()


def from_iso(text: str) -> int:
    """Parse an ISO 8601 instant to nanoseconds; no zone means UTC.

    Raises ValueError if the text is no such instant.
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    delta = moment - _EPOCH
    return (delta.days * 86_400 + delta.seconds) * SECOND + delta.microseconds * 1_000


def to_datetime(ns: int) -> datetime:
    """Return the instant as an aware UTC datetime, cut to microseconds."""
    return _EPOCH + timedelta(microseconds=ns // 1_000)


def go_text(ns: int) -> str:
    """Write as a gateway does: RFC 3339 with up to nine digits and ``Z`` (Go RFC3339Nano)."""
    seconds, rest = divmod(ns, SECOND)
    stamp = (_EPOCH + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{stamp}.{rest:09d}".rstrip("0").rstrip(".") + "Z"


def go_driver_text(ns: int) -> str:
    """Write as Go's SQLite driver does: a space instead of ``T`` and a numeric offset."""
    return go_text(ns).replace("T", " ").removesuffix("Z") + "+00:00"


def python_text(ns: int) -> str:
    """Write as the Python command line of generations 0 and 7 does: ``isoformat()``."""
    return to_datetime(ns).isoformat(timespec="microseconds")


def plain_text(ns: int) -> str:
    """Write as the oldest rows do: ``YYYY-MM-DD HH:MM:SS``, UTC unsaid."""
    return to_datetime(ns).strftime("%Y-%m-%d %H:%M:%S")
