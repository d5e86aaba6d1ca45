"""Turns of several processes that write one SQLite file.

SQLite lets one write at a time, and a writer that finds it locked sleeps and looks again, up to a
tenth of a second later. Those who write all the time look for a lock file each millisecond instead.
Others, who write now and then, find the database as they always do; nothing depends on the turn but
time.
"""

from __future__ import annotations

import fcntl
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from django.db import connection

TURN_WITHIN_S: Final = 5.0
"""As long as PostgreSQL waits for a lock. A writer that has no turn by then goes on without one,
and SQLite's own wait, which ends too, decides."""

_LOOK_EVERY_S: Final = 0.001

_lock = threading.Lock()
_opened: dict[tuple[int, str], int] = {}  # a lock belongs to what was opened: never our parent's


@contextmanager
def in_turn() -> Iterator[None]:
    """Hold the turn among the processes of this database; at once where it needs none.

    Without the turn where another process keeps it for TURN_WITHIN_S.
    """
    descriptor = _descriptor()
    if descriptor is None or not _wait_for(descriptor):
        yield
        return
    try:
        yield
    finally:
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_UN)


def _wait_for(descriptor: int) -> bool:
    """Whether the lock is ours now; a blocking flock(2) has no bound, so this looks again."""
    until = time.monotonic() + TURN_WITHIN_S
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > until:
                return False
            time.sleep(_LOOK_EVERY_S)
        except OSError:  # a file system without locks: SQLite's own waiting is left
            return False
        else:
            return True


def _descriptor() -> int | None:
    name = str(connection.settings_dict["NAME"])
    if connection.vendor != "sqlite" or "mode=memory" in name or name == ":memory:":
        return None
    place = (os.getpid(), name)
    found = _opened.get(place)
    if found is None:
        with _lock:
            found = _opened.get(place)
            if found is None:
                # Beside the database, never the database itself: closing any descriptor of that
                # would take SQLite's own locks away (fcntl(2), advisory record locking).
                path = Path(f"{name}-turn")
                try:
                    found = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
                except OSError:
                    return None
                _opened[place] = found
    return found
