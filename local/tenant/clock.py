"""The tenant's one clock. Everything that expires reads it; tests may move it forward."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

_lock = threading.Lock()
_offset = timedelta(0)


def now() -> datetime:
    """Current time as the tenant sees it (UTC, aware)."""
    return datetime.now(UTC) + _offset


def epoch() -> int:
    """Current time in whole seconds since 1970 (JWT ``iat``)."""
    return int(now().timestamp())


def advance(seconds: float) -> datetime:
    """Move the clock of this process forward by ``seconds`` and return the new time."""
    global _offset
    with _lock:
        _offset += timedelta(seconds=seconds)
    return now()
