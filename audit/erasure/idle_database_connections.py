"""Connections to the database that threads keep between two requests, closed after an erasure.

A driver keeps the values that it last sent, and SQLite the pages that it last read, for as long as
a connection is open. A thread that has nothing to do keeps its own for good. So each says when it
begins and ends a piece of work, and the thread that notices an erasure closes those of idle
threads; a busy one closes its own at the end.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from weakref import WeakSet

from django.db import close_old_connections, connections
from django.db.backends.base.base import BaseDatabaseWrapper


class _Thread:
    """A thread that works in pieces; its lock is held for the change from one to the other."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.busy = self.stale = False
        self.kept: list[BaseDatabaseWrapper] = []

    def close(self) -> None:
        """Close what it keeps; with its lock."""
        for wrapper in self.kept:
            wrapper.inc_thread_sharing()
            try:
                wrapper.close()
            finally:
                wrapper.dec_thread_sharing()
        self.stale = False


_local = threading.local()
_threads: WeakSet[_Thread] = WeakSet()
_lock = threading.Lock()


def begin(*_: Any, **__: Any) -> None:
    """This thread begins a piece of work; a receiver of signals too."""
    mine = getattr(_local, "thread", None)
    if mine is None:
        mine = _local.thread = _Thread()
        with _lock:
            _threads.add(mine)
    with mine.lock:
        mine.busy = True


def end(*_: Any, **__: Any) -> None:
    """It ended one."""
    mine = getattr(_local, "thread", None)
    if mine is None:
        return
    with mine.lock:
        mine.busy = False
        mine.kept = connections.all(initialized_only=True)
        if mine.stale:
            mine.close()


@contextmanager
def working() -> Iterator[None]:
    """A piece of work of this thread."""
    begin()
    try:
        yield
    finally:
        end()


def rest() -> None:
    """Between two turns of a loop, which counts as busy all the while."""
    close_old_connections()
    begin()
    with (mine := _local.thread).lock:
        mine.kept = connections.all(initialized_only=True)
        if mine.stale:
            mine.close()


def close() -> None:
    """Close what idle threads keep, now, and what busy ones do once they are idle.

    Of a pool, which belongs to no thread, every connection is replaced.
    """
    with _lock:
        threads = list(_threads)
    for thread in threads:
        with thread.lock:
            if thread.busy:
                thread.stale = True
            else:
                thread.close()
    for wrapper in connections.all():
        pool = getattr(wrapper, "_connection_pools", {}).get(wrapper.alias)
        if pool is not None:
            pool.drain()
