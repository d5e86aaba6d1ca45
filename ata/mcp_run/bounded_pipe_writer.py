"""Lines on their way to a pipe: written by a separate thread, and counted so that they stay few."""

from __future__ import annotations

import os
import select
from collections.abc import Callable
from queue import SimpleQueue
from threading import Condition, Thread

CAPACITY = 8 * 1024 * 1024
"""Bytes on their way to one reader before nothing more is read for it."""
_PER_LINE = 256  # what an empty line costs in memory, about
_LOOK_UP_MS = 500


def _nothing() -> None:
    """Nobody wants to know."""


class Buffered:
    """Counts the bytes that were read and not yet written or dropped."""

    def __init__(self) -> None:
        self._used = 0
        self._changed = Condition()

    @property
    def used(self) -> int:
        """Bytes, with some for each line."""
        return self._used

    def take(self, line: bytes) -> None:
        """Count a line; never waits."""
        with self._changed:
            self._used += len(line) + _PER_LINE

    def give_back(self, line: bytes) -> None:
        """Count a line no more."""
        with self._changed:
            self._used -= len(line) + _PER_LINE
            self._changed.notify_all()

    def wait(self, limit: int = CAPACITY, timeout_s: float | None = None) -> bool:
        """Wait until less than `limit` bytes are used; False when they were not in time."""
        with self._changed:
            return self._changed.wait_for(lambda: self._used < limit, timeout_s)


class Outbox:
    """Writes lines to a pipe from a separate thread, so that no caller waits for its reader.

    Args:
        descriptor: where to write.
        buffered: counts what waits here.
        on_broken: called from the thread when nobody reads the pipe any more.
        on_end: called from the thread after the last line.
    """

    def __init__(
        self,
        descriptor: int,
        buffered: Buffered,
        *,
        on_broken: Callable[[], None] = _nothing,
        on_end: Callable[[], None] = _nothing,
    ) -> None:
        self._descriptor, self._buffered = descriptor, buffered
        self._on_broken, self._on_end = on_broken, on_end
        self._lines: SimpleQueue[bytes | None] = SimpleQueue()
        self._dropped = False
        self._written = 0
        self._thread = Thread(target=self._run, daemon=True)
        self._thread.start()

    def add(self, line: bytes) -> None:
        """Write a line after those before it."""
        self._buffered.take(line)
        self._lines.put(line)

    def finish(self) -> None:
        """Nothing more will be added."""
        self._lines.put(None)

    def drop(self) -> None:
        """Nothing more is to be written, of what waits either."""
        self._dropped = True
        self.finish()

    def flush(self, patience_s: float) -> None:
        """Finish, and wait for what was added as long as somebody reads some of it in that time."""
        self.finish()
        written = -1
        while self._thread.is_alive() and written != self._written:
            written = self._written
            self._thread.join(patience_s)

    def _run(self) -> None:
        while (line := self._lines.get()) is not None:
            try:
                self._write(line)
            except OSError:
                self._dropped = True
                self._on_broken()
            finally:
                self._buffered.give_back(line)
        self._on_end()

    def _write(self, line: bytes) -> None:
        writable = select.poll()
        writable.register(self._descriptor, select.POLLOUT)
        rest = memoryview(line)
        while rest and not self._dropped:
            if writable.poll(_LOOK_UP_MS):
                # No more than surely fits, or the write would wait (POSIX, write: pipes).
                written = os.write(self._descriptor, rest[: select.PIPE_BUF])
                self._written += written
                rest = rest[written:]
