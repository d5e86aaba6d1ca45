"""Turns of several processes that write one SQLite file, in the order in which they came.

SQLite lets one write at a time, and whoever finds it taken sleeps and looks again, up to a tenth of
a second later. Those who write all the time wait for each other in the kernel instead. Others, who
write now and then, find the file as they always do; nothing depends on the turn but time.
"""

from __future__ import annotations

import fcntl
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from django.db import connection

_lock = threading.Lock()
_opened: dict[tuple[int, str], int] = {}  # a lock belongs to what was opened: never our parent's


@contextmanager
def in_turn() -> Iterator[None]:
    """Hold the turn among the processes of this database; at once where it needs none."""
    descriptor = _descriptor()
    if descriptor is None:
        yield
        return
    with suppress(OSError):  # a file system without locks: SQLite's own waiting is left
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    try:
        yield
    finally:
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_UN)


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
