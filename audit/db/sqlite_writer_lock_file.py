"""Turns of threads and processes that write one SQLite file.

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
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from django.db import connection

TURN_WITHIN_S: Final = 5.0
"""As long as PostgreSQL waits for a lock. A writer that has no turn by then goes on without one,
and SQLite's own wait, which ends too, decides."""

_LOOK_EVERY_S: Final = 0.001


@dataclass(frozen=True, slots=True)
class _Turn:
    """The lock of the threads of this process, and the lock file, which processes lock.

    A lock of flock(2) belongs to what was opened: threads that share it would all have it.
    """

    threads: threading.Lock
    descriptor: int


_lock = threading.Lock()
_opened: dict[tuple[int, str], _Turn] = {}  # by process: a fork shares what its parent opened


@contextmanager
def in_turn() -> Iterator[None]:
    """Hold the turn among the writers of this database; at once where it needs none.

    One thread of one process has it. Without the turn where others keep it for TURN_WITHIN_S.
    Not to be entered again by who has it.
    """
    turn, until = _turn(), time.monotonic() + TURN_WITHIN_S
    if turn is None or not turn.threads.acquire(timeout=TURN_WITHIN_S):
        yield
        return
    try:
        if not _wait_for(turn.descriptor, until):
            yield
            return
        try:
            yield
        finally:
            with suppress(OSError):
                fcntl.flock(turn.descriptor, fcntl.LOCK_UN)
    finally:
        turn.threads.release()


def _wait_for(descriptor: int, until: float) -> bool:
    """Whether the lock is ours now; a blocking flock(2) has no bound, so this looks again."""
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


def _turn() -> _Turn | None:
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
                    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
                except OSError:
                    return None
                found = _opened[place] = _Turn(threading.Lock(), descriptor)
    return found
