"""Senders of HEAD: batches in the background, three quick attempts, then the batch is lost.

Three lost batches open the circuit: for 30 s every row is rejected at intake, and the first one
afterwards is a probe. 401 and 403 open it at once for 5 minutes, a redirect for 24 hours.
"""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from typing import Any, Final

from local.gateway.audit.instants import now_ns, rfc3339
from local.gateway.generations import Generation
from local.gateway.senders.bodies import Columns
from local.gateway.senders.destinations import Destination
from local.gateway.senders.http_post import FAILED, post

_AGENT: Final = "Go-http-client/1.1"
_ATTEMPTS: Final = 3
_PAUSE_S: Final = 0.1
_LOST_BATCHES: Final = 3
_OPEN_S: Final = {"failures": 30.0, "authentication": 300.0, "unsafe_endpoint": 86_400.0}
_SUCCESS: Final = (200, 202, 204)
_TRANSIENT: Final = (FAILED, 408, 425, 429)
_AUTHENTICATION: Final = (401, 403)
_FIRST_REDIRECT, _FIRST_CLIENT_ERROR, _FIRST_SERVER_ERROR = 300, 400, 500


class BatchedSender:
    """Sends rows to one destination and counts what it lost."""

    def __init__(self, generation: Generation, destination: Destination) -> None:
        self._generation = generation
        self._destination = destination
        self._waiting: list[Columns] = []
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._finished = threading.Event()
        self._counts: Counter[str] = Counter()
        self._failures = 0
        self._open_until = 0.0
        self._probing = False
        self._last_failure = ""
        self._last_success = ""

    def start(self) -> None:
        """Send a batch every scheduled delay, in a separate thread."""
        threading.Thread(target=self._run, daemon=True).start()

    def take(self, columns: Columns) -> None:
        """Queue a row, drop it (full queue) or reject it (open circuit)."""
        if not self._destination.wants(columns):
            return
        with self._lock:
            if self._is_open():
                self._counts["rejected"] += 1
            elif len(self._waiting) >= self._destination.queue_size:
                self._counts["dropped"] += 1
            else:
                self._counts["accepted"] += 1
                self._waiting.append(columns)

    def stop(self) -> None:
        """Send everything queued, then end."""
        self._stopped.set()
        self._finished.wait(3 * self._destination.timeout_s)

    def _is_open(self) -> bool:
        if not self._open_until:
            return False
        if time.monotonic() < self._open_until:
            return True
        if self._probing:
            return True
        self._probing = True
        return False

    def _run(self) -> None:
        while not self._stopped.wait(self._destination.flush_s):
            self._send_batch()
        while self._send_batch():
            pass
        self._finished.set()

    def _send_batch(self) -> bool:
        with self._lock:
            size = self._destination.batch_size
            batch, self._waiting = self._waiting[:size], self._waiting[size:]
        if batch:
            outcome = self._deliver(batch)
            with self._lock:
                self._settle(outcome, len(batch))
        return bool(batch)

    def _deliver(self, batch: list[Columns]) -> str:
        """Return delivered, or the class of the failure."""
        attempts = 1 if self._probing else _ATTEMPTS
        body = self._destination.body(self._generation, batch)
        outcome = "transient"
        for attempt in range(attempts):
            if attempt:
                self._counts["retried"] += len(batch)
                time.sleep(_PAUSE_S)
            destination = self._destination
            status, answer = post(
                destination.url, body, destination.headers, destination.timeout_s, _AGENT
            )
            outcome = _outcome_of(status, answer, hec=destination.kind == "splunk_hec")
            if outcome != "transient":
                return outcome
        return outcome

    def _settle(self, outcome: str, size: int) -> None:
        if outcome == "delivered":
            self._counts["delivered"] += size
            self._failures, self._open_until, self._probing = 0, 0.0, False
            self._last_success = rfc3339(now_ns())
            return
        self._counts["dropped"] += size
        self._failures += 1
        self._last_failure = outcome
        wait = _OPEN_S.get(outcome, 0.0)
        if not wait and (self._failures >= _LOST_BATCHES or self._probing):
            wait = _OPEN_S["failures"]
        if wait:
            self._open_until, self._probing = time.monotonic() + wait, False

    def health(self) -> dict[str, Any]:
        """Return what `/health` shows for this destination."""
        with self._lock:
            remaining = self._open_until - time.monotonic() if self._open_until else 0.0
            state = "failing" if self._open_until else "degraded" if self._failures else "healthy"
            until = rfc3339(now_ns() + int(remaining * 1e9)) if remaining > 0 else ""
            names = ("accepted", "delivered", "retried", "rejected", "dropped")
            return {
                "name": self._destination.name,
                "kind": self._destination.kind,
                "state": state,
                "circuit_state": "open" if self._open_until else "closed",
                "circuit_open_until": until,
                "consecutive_failures": self._failures,
                "last_failure_class": self._last_failure,
                "last_success_at": self._last_success,
                "queued": len(self._waiting),
                **{name: self._counts[name] for name in names},
            }


def _outcome_of(status: int, answer: bytes, *, hec: bool) -> str:
    if status in _SUCCESS:
        return _hec_outcome(answer) if hec else "delivered"
    if status in _AUTHENTICATION:
        return "authentication"
    if _FIRST_REDIRECT <= status < _FIRST_CLIENT_ERROR:
        return "unsafe_endpoint"
    if status in _TRANSIENT or status >= _FIRST_SERVER_ERROR:
        return "transient"
    return "permanent"


def _hec_outcome(answer: bytes) -> str:
    """Return delivered only for `code: 0`; anything unreadable is tried again."""
    try:
        body = json.loads(answer)
    except ValueError:
        return "transient"
    code = body.get("code") if isinstance(body, dict) else None
    if code is None:
        return "transient"
    return "delivered" if code == 0 else "permanent"
