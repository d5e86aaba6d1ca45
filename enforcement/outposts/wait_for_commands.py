"""Outposts that wait for a command: however many do, four queries a second serve a
process.

A wait holds a thread that the server replaces meanwhile (`serving.waiting`) and no connection to
the database. Beyond `_PLACES` waits at once nobody waits: the answer is empty at once.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Final

from django.db import close_old_connections

from enforcement.outposts import issued_commands

LONGEST_S: Final = 25
_PLACES: Final = 60
"""Of the hundred threads that the server lends; the others are for waits for Auth0."""
_EVERY_S: Final = 0.25


class _Newest:
    """The newest number of each outpost as the database had it at most `_EVERY_S` ago."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._read_at = float("-inf")
        self._numbers: dict[str, int] = {}

    def of(self, outpost: str) -> int:
        with self._lock:
            if time.monotonic() - self._read_at >= _EVERY_S:
                self._numbers = issued_commands.newest_waiting()
                self._read_at = time.monotonic()
                close_old_connections()
            return self._numbers.get(outpost, 0)


_newest = _Newest()
_places = threading.BoundedSemaphore(_PLACES)


def until_issued(
    outpost: str, after: int, seconds: int, lend: Callable[[], AbstractContextManager[object]]
) -> None:
    """Return once an outpost has a command beyond that number, or when its time is up."""
    if not _places.acquire(blocking=False):
        return
    until = time.monotonic() + min(seconds, LONGEST_S)
    try:
        close_old_connections()  # none of the pool is held by who waits
        with lend():
            while (left := until - time.monotonic()) > 0 and _newest.of(outpost) <= after:
                time.sleep(min(_EVERY_S, left))
    finally:
        _places.release()
