"""Senders of 0.2.0 and 0.8.4: they send inside the call that wrote the row, and keep what failed.

A slow receiver therefore slows every block and every hook verdict: by 10 s at 0.2.0, 2 s at 0.8.4.
Nothing is spooled to disk: what is unsent when the process ends is lost.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final

from local.gateway.generations import Generation
from local.gateway.senders.bodies import Columns
from local.gateway.senders.destinations import Destination
from local.gateway.senders.http_post import post

_AGENT: Final = "Go-http-client/1.1"
_CAP_S: Final = 2.0
_RETRY_S: Final = 1.0
_HEC_SUCCESS: Final = (200,)
_JSONL_SUCCESS: Final = (200, 202, 204)

type Recorder = Callable[[Destination, int, int, int], None]


class SenderWithinTheCall:
    """Sends rows to one destination. `record` gets status, size and rest of each attempt."""

    def __init__(
        self, generation: Generation, destination: Destination, record: Recorder | None = None
    ) -> None:
        self._generation = generation
        self._destination = destination
        self._record = record
        self._capped = generation.entries_per_agent
        self._waiting: list[Columns] = []
        self._lock = threading.Lock()
        self._stopped = threading.Event()

    def start(self) -> None:
        """Send what waits every flush interval, in a separate thread."""
        threading.Thread(target=self._flush_regularly, daemon=True).start()

    def take(self, columns: Columns) -> None:
        """Queue a row; a full batch is sent before this returns."""
        with self._lock:
            self._waiting.append(columns)
            self._waiting = self._waiting[-self._destination.queue_size :]
            if len(self._waiting) >= self._destination.batch_size:
                self._send_waiting()

    def stop(self) -> None:
        """Send what waits once more; what fails now is lost."""
        self._stopped.set()
        with self._lock:
            self._send_waiting()

    def _flush_regularly(self) -> None:
        while not self._stopped.wait(self._destination.flush_s):
            with self._lock:
                self._send_waiting()

    def _send_waiting(self) -> None:
        if self._waiting and self._deliver(self._waiting):
            self._waiting = []

    def _deliver(self, rows: list[Columns]) -> bool:
        began = time.monotonic()
        hec = self._destination.kind == "splunk_hec"
        timeout = self._destination.timeout_s
        while True:
            left = _CAP_S - (time.monotonic() - began)
            status, _ = post(
                self._destination.url,
                self._destination.body(self._generation, rows),
                self._destination.headers,
                min(timeout, left) if self._capped else timeout,
                _AGENT,
            )
            success = status in (_HEC_SUCCESS if hec else _JSONL_SUCCESS)
            if self._record:
                self._record(self._destination, status, len(rows), 0 if success else len(rows))
            if success:
                return True
            left = _CAP_S - (time.monotonic() - began)
            if not self._capped or not hec or left <= 0:
                return False
            time.sleep(min(_RETRY_S, left))
            if left <= _RETRY_S:
                return False
