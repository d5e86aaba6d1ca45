"""Two threads with connections of their own, one of which waits in the middle of what it does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event
from typing import Any

from django.db import connection

from tests.support.interleaving import blocked

LONG_S = 60


class Held:
    """Work in a thread that stops right after a statement, until it is let go."""

    def __init__(self, work: Callable[[], Any], after: Callable[[str], bool]) -> None:
        self._after, self._reached, self._go = after, Event(), Event()
        self._thread = ThreadPoolExecutor(1)
        self._done: Future[Any] = self._thread.submit(self._run, work)

    def _run(self, work: Callable[[], Any]) -> Any:
        try:
            with connection.execute_wrapper(self._watch):
                return work()
        finally:
            self._reached.set()
            connection.close()

    def _watch(self, execute: Any, sql: str, *rest: Any) -> Any:
        answer = execute(sql, *rest)
        if not self._reached.is_set() and self._after(sql):
            self._reached.set()
            assert self._go.wait(LONG_S), "nobody let it go on"
        return answer

    def reached(self) -> None:
        """Wait until it stands there."""
        assert self._reached.wait(LONG_S), "it never came there"
        assert not self._done.done(), f"it ended before: {self._done.exception()}"

    def goes_on(self) -> Any:
        """Let it go on; returns its result."""
        self._go.set()
        try:
            return self._done.result(LONG_S)
        finally:
            self._thread.shutdown()


@contextmanager
def held(work: Callable[[], Any], after: Callable[[str], bool]) -> Iterator[Held]:
    """Start work in a thread and wait until it has sent a statement that `after` knows."""
    one = Held(work, after)
    try:
        one.reached()
        yield one
    finally:
        one._go.set()


def elsewhere(work: Callable[[], Any]) -> Future[Any]:
    """Do something in another thread; the result may come only once others have let go."""
    thread = ThreadPoolExecutor(1)

    def run() -> Any:
        try:
            return work()
        finally:
            connection.close()

    done = thread.submit(run)
    thread.shutdown(wait=False)
    return done


def reads(table: str) -> Callable[[str], bool]:
    """Knows a plain read of a table, which takes no lock."""
    return lambda sql: (
        sql.startswith("SELECT") and f'FROM "{table}"' in sql and "FOR UPDATE" not in sql
    )


def somebody_waits_for_a_lock() -> None:
    """Return once a transaction waits for another (PostgreSQL)."""
    for _ in range(100_000):
        if blocked():
            return
    raise AssertionError("nobody waits")
