"""A fetched value that is kept for a while and outlives a short outage of its source."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from auth0_client.errors import Auth0Error, Unavailable
from http_client.errors import HttpClientError

log = logging.getLogger("auth0_client")

type Clock = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Lifetimes:
    """Seconds. ``fresh``: served without asking; ``stale``: still served while the source fails;

    ``pause``: shortest time between two attempts after one failed.
    """

    fresh: float = 3600.0
    stale: float = 86_400.0
    pause: float = 10.0


_WAIT_S: Final = 15.0
"""For what somebody else is fetching, unless an attempt failed lately."""
_LATELY_S: Final = 60.0


class Cached[T]:
    """One value; a slow source is asked by one thread at a time.

    Callers in the meantime get the value held, or the error of the last attempt: one
    hanging call must not stop them all.
    """

    def __init__(
        self, name: str, fetch: Callable[[], T], lifetimes: Lifetimes, clock: Clock
    ) -> None:
        self._name = name
        self._fetch = fetch
        self._lifetimes = lifetimes
        self._clock = clock
        self._lock = threading.Lock()
        self._held: tuple[T, float] | None = None
        self._failure: Auth0Error | HttpClientError | None = None  # of the last attempt
        self._tried_at = float("-inf")  # when that ended

    def get(self) -> T:
        """The value, fetched if there is none or it is no longer fresh.

        Raises:
            Auth0Error, HttpClientError: the source fails and nothing young enough is held.
        """
        held = self._good_enough()
        if held is not None:
            return held[0]
        with self._asking() as mine:
            if not mine:
                return self._young()
            held = self._good_enough()
            return held[0] if held is not None else self._refetch()

    def get_newer(self, floor: float) -> T:
        """As ``get``, but ask the source again unless it was asked within ``floor`` seconds."""
        with self._asking(newer=True) as mine:
            if not mine:
                return self._young()
            if self._held is not None and self._clock() - self._tried_at < floor:
                return self._held[0]
            return self._refetch()

    def _young(self) -> T:
        """What is held although somebody asks for a newer one.

        Raises:
            Auth0Error, HttpClientError: nothing young enough.
        """
        held = self._held
        if held is not None and self._clock() - held[1] < self._lifetimes.stale:
            return held[0]
        if self._failure is not None:
            raise self._failure.with_traceback(None)
        raise Unavailable(self._name, detail="it has not answered yet", maybe_delivered=False)

    def _good_enough(self) -> tuple[T, float] | None:
        """What is held, if the source need not be asked now."""
        held, now = self._held, self._clock()
        if held is None:
            return None
        age = now - held[1]
        resting = now - self._tried_at < self._lifetimes.pause
        fresh = age < self._lifetimes.fresh or (resting and age < self._lifetimes.stale)
        return held if fresh else None

    @contextmanager
    def _asking(self, *, newer: bool = False) -> Iterator[bool]:
        """The right to ask the source; False where another thread has it, after a while if that
        may bring what is wanted."""
        held, now = self._held, self._clock()
        young = held is not None and now - held[1] < self._lifetimes.stale
        failing = self._failure is not None and now - self._tried_at < _LATELY_S
        mine = self._lock.acquire(timeout=0.0 if failing or (young and not newer) else _WAIT_S)
        try:
            yield mine
        finally:
            if mine:
                self._lock.release()

    def _refetch(self) -> T:
        began = self._clock()
        try:
            value = self._fetch()
        except (Auth0Error, HttpClientError) as failure:
            self._failure = failure
            if self._held is None or began - self._held[1] >= self._lifetimes.stale:
                raise
            age = began - self._held[1]
            log.warning("auth0.stale what=%s age_s=%d reason=%s", self._name, age, failure)
            return self._held[0]
        finally:
            self._tried_at = self._clock()
        self._held, self._failure = (value, began), None
        return value
