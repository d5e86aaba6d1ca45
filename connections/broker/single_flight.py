"""One exchange for all who ask for the same at the same moment, within this process.

Its result is handed to those who wait and forgotten: a later caller has it fetched
again, so that `no-store` also means us.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from contextlib import nullcontext

from http_client.lend_thread_while_waiting import Waiting


class Flights[K: Hashable, V]:
    """Calls that are under way, by what they are for."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._under_way: dict[K, Future[V]] = {}

    def share(
        self, key: K, fetch: Callable[[], V], waiting: Waiting = nullcontext
    ) -> tuple[V, bool]:
        """What `fetch` returns, and whether somebody else's call brought it.

        `waiting` surrounds the wait for somebody else's.

        Raises:
            Exception: what the call raised, to each who waited for it.
        """
        with self._lock:
            found = self._under_way.get(key)
            if found is None:
                mine = self._under_way[key] = Future()
        if found is not None:
            with waiting():
                return found.result(), True
        try:
            value = fetch()
        except BaseException as error:
            self._land(key)
            mine.set_exception(error)
            raise
        self._land(key)
        mine.set_result(value)
        return value, False

    def _land(self, key: K) -> None:
        with self._lock:
            del self._under_way[key]
