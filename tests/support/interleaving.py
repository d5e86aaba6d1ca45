"""Two transactions in a chosen order: one thread stops at a point until another waits for it.

For PostgreSQL, where two writers run at once. Threads report where they are, and the server whether
one waits for a lock: no test sleeps in the hope that it does.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection, connections

from tests.support.stack import eventually

LONGEST_S = 60


class Pause:
    """A point in the code where one thread waits until it is let go."""

    def __init__(self) -> None:
        self.reached, self._go = threading.Event(), threading.Event()
        self.thread = ""

    def wait_until_reached(self) -> None:
        """Until the thread is there."""
        assert self.reached.wait(LONGEST_S), "the thread never came to the point"

    def let_go(self) -> None:
        """Let the thread go on."""
        self._go.set()

    def here(self) -> None:
        """Called at the point: stops the thread that this pause is for, once."""
        if threading.current_thread().name.startswith(self.thread) and not self.reached.is_set():
            self.reached.set()
            assert self._go.wait(LONGEST_S), "nobody let the thread go on"


@contextmanager
def paused_before(
    monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, *, thread: str
) -> Iterator[Pause]:
    """Stop the first call of `owner.name` by threads of that name, before it does anything."""
    pause, real = Pause(), getattr(owner, name)
    pause.thread = thread

    def stopping(*args: Any, **kwargs: Any) -> Any:
        pause.here()
        return real(*args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(owner, name, stopping)
        try:
            yield pause
        finally:
            pause.let_go()


@contextmanager
def thread_of(name: str) -> Iterator[Callable[..., Future[Any]]]:
    """Submit calls to a thread of that name, with a connection of its own."""
    with ThreadPoolExecutor(1, thread_name_prefix=name) as pool:
        try:
            yield pool.submit
        finally:
            pool.submit(connections.close_all).result(LONGEST_S)


def wait_until_blocked(number: int = 1) -> None:
    """Until so many sessions of this database wait for a lock (PostgreSQL)."""
    eventually(lambda: blocked() >= number, "a session that waits for a lock", LONGEST_S)


def blocked() -> int:
    """How many sessions of this database wait for a lock; another run's do not count."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(DISTINCT pid) FROM pg_locks JOIN pg_stat_activity USING (pid)"
            " WHERE NOT granted AND datname = current_database()"
        )
        return int(cursor.fetchone()[0])
