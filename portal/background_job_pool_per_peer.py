"""Threads for due work, few for each lane, so that one slow peer delays no other.

A lane is what may be slow as one: a gateway, the issuer. Work is started and not waited for; a lane
has a short queue, and what finds no space there is not claimed, and stays due.
"""

from __future__ import annotations

import logging
import threading
from collections import Counter, defaultdict, deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from django.db import close_old_connections

from audit.erasure import idle_database_connections

log = logging.getLogger(__name__)

type Piece = Callable[[], object]
CAPACITY = 20
"""How many pieces of a lane run or are queued: a claim lasts 15 s, which is as many quick calls."""


class Lanes:
    """At most `threads` pieces of work at once, one at a time of each lane, and `unnamed` of what
    belongs to none."""

    def __init__(self, name: str, *, threads: int, unnamed: int = 4) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix=name)
        self._unnamed = unnamed
        self._queues: defaultdict[str, deque[Piece]] = defaultdict(deque)
        self._runners: Counter[str] = Counter()
        self._changed = threading.Condition()

    def has_capacity(self, lane: str) -> bool:
        """Whether one more piece of that lane may be started now."""
        with self._changed:
            return self._held(lane) < CAPACITY

    def full(self) -> set[str]:
        """Lanes that are full now."""
        with self._changed:
            return {lane for lane in self._runners if self._held(lane) >= CAPACITY}

    def start(self, lane: str, work: Piece) -> None:
        """Start a piece of work behind those of its lane, and return at once."""
        with self._changed:
            self._queues[lane].append(work)
            if self._runners[lane] < (1 if lane else self._unnamed):
                self._runners[lane] += 1
                self._pool.submit(self._next, lane)

    def wait(self) -> None:
        """Until everything that was started has ended."""
        with self._changed:
            self._changed.wait_for(lambda: not self._runners.total())

    def _held(self, lane: str) -> int:
        return self._runners[lane] + len(self._queues[lane])

    def _next(self, lane: str) -> None:
        with self._changed:
            work = self._queues[lane].popleft() if self._queues[lane] else None
        if work is not None:
            _do(lane, work)
        with self._changed:
            if self._queues[lane]:  # to the end of the pool's queue: other lanes come first
                self._pool.submit(self._next, lane)
            else:
                self._runners[lane] -= 1
                self._changed.notify_all()


def _do(lane: str, work: Piece) -> None:
    try:
        with idle_database_connections.working():
            work()
    except Exception:
        log.exception("work of lane %r failed", lane)
    finally:  # a thread that kept a broken one would fail at every piece from then on
        close_old_connections()
