"""Work beside the caller's: one job at a time, in a thread with a connection of its own."""

from __future__ import annotations

import sys
import threading
import weakref
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final

from django.db import connection

_SOON: Final = 0.0005
"""Seconds after which a thread that computes lets in one that waits for the interpreter.

A job that speaks with the database waits for it after each answer: some thirty times a batch, and
5 ms each time as Python has it.
"""

type Job = Callable[[], object]


class Beside:
    """Does jobs in the order in which they are begun; the caller goes on meanwhile.

    `end` closes the connection and ends the thread: a process that has one more cannot fork.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._pool: ThreadPoolExecutor | None = None
        self._job: Future[object] | None = None
        self._forgotten: weakref.finalize[..., Beside] | None = None

    def begin(self, job: Job) -> None:
        """Begin once the job before has ended.

        Raises:
            Exception: what the job before raised; this one is not begun then.
        """
        self.wait()
        if self._pool is None:
            _haste.begin()
            self._pool = ThreadPoolExecutor(1, thread_name_prefix=self._name)
            self._forgotten = weakref.finalize(self, _ended, self._pool)
            self._forgotten.atexit = False
        self._job = self._pool.submit(job)

    def wait(self) -> None:
        """Return when nothing is under way.

        Raises:
            Exception: what the job raised; once.
        """
        job, self._job = self._job, None
        if job is not None:
            try:
                job.result()
            except BaseException:
                if not job.done():  # we were interrupted, not the job
                    self._job = job
                raise

    def end(self) -> None:
        """As `wait`; then nothing is left of the thread."""
        try:
            self.wait()
        finally:
            if self._forgotten is not None:
                self._forgotten()
            self._pool = self._forgotten = None


def _ended(pool: ThreadPoolExecutor) -> None:
    pool.submit(connection.close)
    pool.shutdown()
    _haste.end()


class _Haste:
    """Lets threads that wait for the interpreter in sooner, as long as anybody works beside."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._many, self._usual = 0, 0.0

    def begin(self) -> None:
        with self._lock:
            if not self._many:
                self._usual = sys.getswitchinterval()
                sys.setswitchinterval(min(self._usual, _SOON))
            self._many += 1

    def end(self) -> None:
        with self._lock:
            self._many -= 1
            if not self._many:
                sys.setswitchinterval(self._usual)


_haste = _Haste()
