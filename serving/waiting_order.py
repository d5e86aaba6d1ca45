"""Which request a thread takes next: proven callers first, and a few unproven ones at a time.

All threads share one interpreter, so that each unproven caller served in parallel slows a person
down. A caller is proven by what they send (Authorization and cookies) when the application vouched
for exactly that within PROVEN_S. Credentials that it did not vouch for, forged or new,
prove nothing, and neither does the first request after a sign-in. Where it vouched for nobody,
nobody waits for anybody: unproven callers have all threads.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Any, Final

from serving import limits

if TYPE_CHECKING:
    from serving.channel import Channel

_PROBE: Final = "/healthz"


class Proven:
    """Digests of credentials that the application vouched for lately. Thread-safe."""

    def __init__(self) -> None:
        self._until: dict[bytes, float] = {}
        self._last = 0.0
        self._lock = threading.Lock()

    def vouch(self, digest: bytes) -> None:
        """Remember it for PROVEN_S; the one that was proven longest ago is forgotten."""
        with self._lock:
            self._until.pop(digest, None)
            self._until[digest] = self._last = time.monotonic() + limits.PROVEN_S
            if len(self._until) > limits.PROVEN:
                del self._until[next(iter(self._until))]

    def __bool__(self) -> bool:
        return self._last > time.monotonic()

    def __contains__(self, digest: bytes) -> bool:
        return self._until.get(digest, 0.0) > time.monotonic()


def digest_of(headers: dict[str, str]) -> bytes:
    """A digest of the credentials of a request; empty where it has none."""
    sent = [headers.get(name, "") for name in ("AUTHORIZATION", "COOKIE")]
    return (
        hashlib.sha256("\n".join(sent).encode("latin-1", "replace")).digest() if any(sent) else b""
    )


class Queue:
    """Requests that wait for a thread, in the place of the queue of waitress's dispatcher.

    The dispatcher calls it with its lock held. Its length is how many requests may begin now: of
    unproven callers UNPROVEN_AT_ONCE, not counting those served for UNPROVEN_S already, since they
    wait for something else. One thread of RESERVED never serves an unproven caller.
    """

    def __init__(self, threads: int, proven: Proven) -> None:
        self._proven = proven
        self._most = threads - threads // limits.RESERVED
        self._first: deque[Channel] = deque()
        self._unproven: deque[tuple[float, Channel]] = deque()  # with the time they arrived
        self._served: dict[object, float] = {}  # turns of unproven callers, by their start

    def append(self, channel: Channel) -> None:
        """Take in a connection whose next request is complete."""
        if self._goes_first(channel.requests[0]):
            self._first.append(channel)
        else:
            self._unproven.append((time.monotonic(), channel))

    def __len__(self) -> int:
        return len(self._first) + (len(self._unproven) if self._may_serve_unproven() else 0)

    def popleft(self) -> Channel:
        """The next to be served; an unproven caller who waited longer than PATIENT_S is refused."""
        now = time.monotonic()
        if self._unproven and self._may_serve_unproven():
            since, channel = self._unproven[0]
            if not self._first or now - since > limits.OVERTAKEN_S:
                self._unproven.popleft()
                channel.turn = object()
                self._served[channel.turn] = now
                if now - since > limits.PATIENT_S:
                    channel.refuse_as_busy()
                return channel
        found = self._first.popleft()
        found.turn = None
        return found

    def ended(self, turn: object) -> bool:
        """Note that a turn is over; whether unproven callers wait for it."""
        return self._served.pop(turn, None) is not None and bool(self._unproven)

    def open(self) -> None:
        """Let everything begin, since all of it is to be cancelled."""
        self._first.extend(channel for _, channel in self._unproven)
        self._unproven.clear()

    def _goes_first(self, request: Any) -> bool:
        if request.error:
            return False
        if not self._proven or request.path == _PROBE:
            return True
        return digest_of(request.headers) in self._proven

    def _may_serve_unproven(self) -> bool:
        if len(self._served) >= self._most:
            return False
        since = time.monotonic() - limits.UNPROVEN_S
        return sum(began > since for began in self._served.values()) < limits.UNPROVEN_AT_ONCE
