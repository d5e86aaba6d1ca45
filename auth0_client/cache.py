"""A fetched value that is kept for a while and outlives a short outage of its source."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass

from auth0_client.errors import Auth0Error
from outbound.errors import OutboundError

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


class Cached[T]:
    """One value behind one lock; a slow source is asked by one thread at a time."""

    def __init__(
        self, name: str, fetch: Callable[[], T], lifetimes: Lifetimes, clock: Clock
    ) -> None:
        self._name = name
        self._fetch = fetch
        self._lifetimes = lifetimes
        self._clock = clock
        self._lock = threading.Lock()
        self._held: tuple[T, float] | None = None
        self._tried_at = float("-inf")

    def get(self) -> T:
        """The value, fetched if there is none or it is no longer fresh.

        Raises:
            Auth0Error, OutboundError: the source fails and nothing young enough is held.
        """
        with self._lock:
            now = self._clock()
            if self._held is not None:
                age = now - self._held[1]
                resting = now - self._tried_at < self._lifetimes.pause
                if age < self._lifetimes.fresh or (resting and age < self._lifetimes.stale):
                    return self._held[0]
            return self._refetch(now)

    def get_newer(self, floor: float) -> T:
        """As ``get``, but ask the source again unless it was asked within ``floor`` seconds."""
        with self._lock:
            now = self._clock()
            if self._held is not None and now - self._tried_at < floor:
                return self._held[0]
            return self._refetch(now)

    def _refetch(self, now: float) -> T:
        self._tried_at = now
        try:
            value = self._fetch()
        except (Auth0Error, OutboundError) as failure:
            if self._held is None or now - self._held[1] >= self._lifetimes.stale:
                raise
            age = now - self._held[1]
            log.warning("auth0.stale what=%s age_s=%d reason=%s", self._name, age, failure)
            return self._held[0]
        self._held = (value, now)
        return value
