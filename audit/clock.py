"""The one clock of `audit`, and UUIDs that sort by it."""

from __future__ import annotations

import os
import threading
import time
from datetime import UTC, datetime
from uuid import UUID

_lock = threading.Lock()
_last = 0


def now() -> datetime:
    """The current time, UTC, microsecond precision."""
    return datetime.now(UTC)


def uuid7() -> UUID:
    """A UUID version 7 (RFC 9562 §5.7) that never sorts before an earlier one of this process.

    Twelve bits below the millisecond hold its fraction (RFC 9562 §6.2, method 3), so ids of one
    process sort in the order in which they were made; 62 bits are random.
    """
    global _last
    nanoseconds = time.time_ns()
    tick = (nanoseconds // 1_000_000 << 12) | (nanoseconds % 1_000_000 << 12) // 1_000_000
    with _lock:
        tick = _last = max(tick, _last + 1)
    value = (tick >> 12) << 80 | 0x7 << 76 | (tick & 0xFFF) << 64
    return UUID(int=value | 0b10 << 62 | int.from_bytes(os.urandom(8)) >> 2)


def rfc3339(moment: datetime) -> str:
    """RFC 3339 in UTC with microseconds and `Z`, the only time format inside an entry.

    Raises:
        ValueError: `moment` carries no time zone.
    """
    if moment.tzinfo is None:
        raise ValueError("a time needs a zone; use datetime(..., tzinfo=UTC)")
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
