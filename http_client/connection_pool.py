"""Kept connections that speak HTTP/1.1 by h11: a call costs its bytes and little more.

httpx and its pool look at every connection they keep, before and after each call, and wrap each
piece of an answer several times; with fifty calls under way that is most of what a call costs.
What is kept of them here is the end of the wire (`http_client.guarded_tcp_connection`), with the
same limits and the same exceptions.

It stays for what httpcore 1.0.9 does not refuse: a second answer that arrived with the first one is
given there to the next request on that connection, which may be another person's. Here such a
connection ends (`test_one_that_ended_or_says_more_than_was_asked_is_not_used_again`).
"""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Iterable
from typing import Final

import h11
import httpcore
import httpx

from http_client.deadline import left
from http_client.guarded_tcp_connection import GuardedBackend
from http_client.timeouts_and_retries import Timeouts

type Headers = list[tuple[bytes, bytes]]

_PIECE: Final = 65_536
_LONGEST_HEAD: Final = 102_400  # bytes, as httpcore allows


class TooLarge(Exception):
    """The answer has more bytes than the caller takes."""


class _Line:
    """One connection: one call after the other."""

    def __init__(self, stream: httpcore.NetworkStream) -> None:
        self.stream = stream
        self.speaks = h11.Connection(h11.CLIENT, max_incomplete_event_size=_LONGEST_HEAD)
        self.idle_since = 0.0

    def call(self, request: httpcore.Request, timeouts: Timeouts) -> None:
        head = h11.Request(
            method=request.method, target=request.url.target, headers=request.headers
        )
        sent = self.speaks.send(head) or b""
        assert isinstance(request.stream, Iterable)
        for piece in request.stream:
            sent += self.speaks.send(h11.Data(data=piece)) or b""
        sent += self.speaks.send(h11.EndOfMessage()) or b""
        try:
            self.stream.write(sent, timeouts.write)
        except httpcore.WriteError:
            return  # a server may refuse before it has read everything: its answer says why

    def answer(
        self, timeouts: Timeouts, most: int, deadline: float
    ) -> tuple[int, Headers, bytearray]:
        status, headers, body = 0, [], bytearray()
        while True:
            event = self.speaks.next_event()
            if event is h11.NEED_DATA:
                self._read(timeouts)
            elif isinstance(event, h11.Data):
                body += event.data
                if len(body) > most:
                    raise TooLarge
                if time.monotonic() > deadline:
                    raise httpcore.ReadTimeout("the answer arrived too slowly")
            elif isinstance(event, h11.Response):
                status, headers = event.status_code, event.headers.raw_items()
            elif isinstance(event, h11.EndOfMessage | h11.ConnectionClosed) or event is h11.PAUSED:
                return status, headers, body

    def _read(self, timeouts: Timeouts) -> None:
        data = self.stream.read(_PIECE, timeouts.read)
        if not data and self.speaks.their_state is h11.SEND_RESPONSE:
            raise httpcore.RemoteProtocolError("ended without an answer")
        self.speaks.receive_data(data)

    def may_go_on(self) -> bool:
        """Whether both sides are done, and nothing came that would be read as the next answer."""
        done = self.speaks.our_state is h11.DONE and self.speaks.their_state is h11.DONE
        if not done or self.speaks.trailing_data[0]:
            return False
        self.speaks.start_next_cycle()
        return True


class Lines:
    """The kept connections of one client in one process. Thread-safe."""

    def __init__(
        self, backend: GuardedBackend, context: ssl.SSLContext, limits: httpx.Limits
    ) -> None:
        context.set_alpn_protocols(["http/1.1"])
        self._backend, self._context = backend, context
        self._most_kept = limits.max_keepalive_connections or 0
        self._kept_for = limits.keepalive_expiry or 0.0
        self._free = threading.Semaphore(limits.max_connections or 1)
        self._lock = threading.Lock()
        self._idle: dict[tuple[bool, str, int], list[_Line]] = {}

    def handle_request(self, request: httpcore.Request) -> httpcore.Response:
        """One exchange. Its extensions hold `timeouts`, `most` (bytes of a body) and `deadline`.

        Raises:
            TooLarge: the body is longer.
            httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError,
            http_client.address_guard.Forbidden: as httpcore's own pool.
        """
        timeouts: Timeouts = request.extensions["timeouts"]
        if not self._free.acquire(timeout=left(timeouts.pool, httpcore.PoolTimeout)):
            raise httpcore.PoolTimeout
        try:
            return self._exchanged(request, timeouts)
        except h11.LocalProtocolError as error:
            raise httpcore.LocalProtocolError(str(error)) from error
        except h11.RemoteProtocolError as error:
            raise httpcore.RemoteProtocolError(str(error)) from error
        finally:
            self._free.release()

    def _exchanged(self, request: httpcore.Request, timeouts: Timeouts) -> httpcore.Response:
        extensions = request.extensions
        line, kept = self._line(request.url, timeouts), False
        try:
            line.call(request, timeouts)
            status, headers, body = line.answer(
                timeouts, extensions["most"], extensions["deadline"]
            )
            kept = line.may_go_on() and self._keep(request.url, line)
        finally:
            if not kept:
                line.stream.close()
        return httpcore.Response(status, headers=headers, content=bytes(body))

    def _line(self, url: httpcore.URL, timeouts: Timeouts) -> _Line:
        """A kept connection that nobody ended, the one last used first; else a new one."""
        idle = self._idle.get(_place(url), [])
        while True:
            with self._lock:
                line = idle.pop() if idle else None
            if line is None:
                return self._connected(*_place(url), timeouts)
            old = time.monotonic() - line.idle_since > self._kept_for
            # Bytes, or an end, that nobody asked for.
            if old or line.stream.get_extra_info("is_readable"):
                line.stream.close()
            else:
                return line

    def _connected(self, secure: bool, host: str, port: int, timeouts: Timeouts) -> _Line:
        if not secure:
            return _Line(self._backend.connect_tcp(host, port, timeouts.connect))
        stream = self._backend.connect_for_tls(host, port, timeouts.connect)
        try:
            return _Line(stream.start_tls(self._context, host, timeouts.connect))
        except BaseException:
            stream.close()
            raise

    def _keep(self, url: httpcore.URL, line: _Line) -> bool:
        line.idle_since = time.monotonic()
        with self._lock:
            idle = self._idle.setdefault(_place(url), [])
            if len(idle) >= self._most_kept:
                return False
            idle.append(line)
            old = [one for one in idle if line.idle_since - one.idle_since > self._kept_for]
            for one in old:
                idle.remove(one)
        for one in old:
            one.stream.close()
        return True

    def close(self) -> None:
        """End what is idle; calls that are under way end as they do."""
        with self._lock:
            idle = [line for lines in self._idle.values() for line in lines]
            self._idle = {}
        for line in idle:
            line.stream.close()


def _place(url: httpcore.URL) -> tuple[bool, str, int]:
    """Whether over TLS, to which host and port."""
    secure = url.scheme == b"https"
    return secure, url.host.decode("ascii"), url.port or (443 if secure else 80)
