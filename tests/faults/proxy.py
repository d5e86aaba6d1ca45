"""A wire with faults between the portal and a real server: the local tenant or a DEMO gateway.

It forwards every request unless a rule says what goes wrong. What was forwarded was done at the
other side, whatever the portal was answered.
"""

from __future__ import annotations

import http.client
import re
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import StrEnum

from tests.support.ports import free_port

_CHUNK = 65_536
_HUGE = 8_500_000  # larger than every limit on an answer that the portal sets


class Fault(StrEnum):
    """What can go wrong on one call."""

    REFUSED = "connection refused"
    RESET = "connection reset before an answer"
    HANG = "no answer at all"
    DRIP = "done, but the answer drips in byte by byte"
    LIMITED = "429 with Retry-After"
    ERROR = "500"
    BAD_GATEWAY = "502"
    UNAVAILABLE = "503"
    TRUNCATED = "done, but the answer is cut off"
    HTML = "200 with a page instead of JSON"
    NOT_JSON = "200 with broken JSON"
    EMPTY = "200 with an empty object"
    HUGE = "200 with a body that never ends"
    LOST = "done, but the answer is lost"
    TWICE = "delivered twice"


#: The other side did what it was asked although no readable answer came.
WORK_DONE = frozenset({Fault.DRIP, Fault.TRUNCATED, Fault.LOST, Fault.TWICE})
#: The other side was not reached at all.
NOT_DONE = frozenset(Fault) - WORK_DONE
#: These cost the portal its patience, so they decide how long a test takes.
SLOW = frozenset({Fault.HANG, Fault.DRIP})

_STATUS = {
    Fault.LIMITED: (429, {"Retry-After": "7"}, b'{"error":"too_many_requests"}'),
    Fault.ERROR: (500, {}, b'{"error":"server_error"}'),
    Fault.BAD_GATEWAY: (502, {"Content-Type": "text/html"}, b"<html>bad gateway</html>"),
    Fault.UNAVAILABLE: (503, {}, b'{"error":"temporarily_unavailable"}'),
    Fault.HTML: (200, {"Content-Type": "text/html"}, b"<html>Welcome to the hotel</html>"),
    Fault.NOT_JSON: (200, {"Content-Type": "application/json"}, b'{"access_token": "eyJ'),
    Fault.EMPTY: (200, {"Content-Type": "application/json"}, b"{}"),
    Fault.HUGE: (200, {"Content-Type": "application/json"}, b'{"x":"' + b"x" * _HUGE + b'"}'),
}


@dataclass(frozen=True, slots=True)
class Request:
    """One request as it came in."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def line(self) -> str:
        """`POST /oauth/token`; without the query."""
        return f"{self.method} {self.path.partition('?')[0]}"


@dataclass
class Rule:
    """Break calls whose line matches `call` and whose body holds `having`, `times` at most."""

    fault: Fault
    call: str
    having: str
    times: int | None
    hits: int = 0

    def takes(self, request: Request) -> bool:
        """Whether this request is broken by this rule."""
        if self.times is not None and self.hits >= self.times:
            return False
        fits = re.fullmatch(self.call, request.line) is not None
        return fits and self.having.encode() in request.body


@dataclass
class Wire:
    """Listens on a loopback port and forwards to `to_port`; `calls` is what was forwarded.

    The port is one that nobody else takes while the wire is cut.
    """

    to_port: int
    port: int = field(default_factory=free_port)
    calls: list[str] = field(default_factory=list)
    seen: list[str] = field(default_factory=list)  # whatever arrived, forwarded or not
    _rules: list[Rule] = field(default_factory=list)
    _listener: socket.socket | None = None
    _mended: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        """Base URL, without a trailing slash."""
        return f"http://localhost:{self.port}"

    def listen(self) -> None:
        """Accept connections, on the same port as before."""
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", self.port))
        listener.listen(64)
        self._listener = listener
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def cut(self) -> None:
        """Connections are refused from now on."""
        if self._listener is not None:
            with suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            self._listener = None

    def breaks(
        self, fault: Fault, call: str = ".*", *, having: str = "", times: int | None = None
    ) -> Rule:
        """Break the calls that match the pattern `call`, for example `POST /oauth/token`.

        A refused connection has no request to look at, so `REFUSED` cuts the whole wire.
        """
        if fault == Fault.REFUSED:
            self.cut()
        self._mended.clear()
        rule = Rule(fault, call, having, times)
        self._rules.append(rule)
        return rule

    def mend(self) -> None:
        """Everything works again; who hung is let go."""
        self._rules.clear()
        self._mended.set()
        if self._listener is None:
            self.listen()

    def forget(self) -> None:
        """Count calls from here."""
        self.calls.clear()
        self.seen.clear()

    def count(self, call: str) -> int:
        """How many forwarded calls match the pattern."""
        return sum(re.fullmatch(call, made) is not None for made in self.calls)

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, suppress(OSError, http.client.HTTPException, ValueError):
            request = _read(connection)
            self.seen.append(request.line)
            rule = next((r for r in self._rules if r.takes(request)), None)
            if rule is None:
                _send(connection, *self._forward(request))
                return
            rule.hits += 1
            self._break(connection, request, rule.fault)

    def _break(self, connection: socket.socket, request: Request, fault: Fault) -> None:
        if fault in _STATUS:
            _send(connection, *_STATUS[fault])
        elif fault == Fault.HANG:
            _wait_for(connection, self._mended)
        elif fault == Fault.RESET:
            _reset(connection)
        else:
            self._after_the_work(connection, request, fault)

    def _after_the_work(self, connection: socket.socket, request: Request, fault: Fault) -> None:
        answer = self._forward(request)
        if fault == Fault.TWICE:
            self._forward(request)
            _send(connection, *answer)
        elif fault == Fault.DRIP:
            _drip(connection, _encoded(*answer), self._mended)
        elif fault == Fault.TRUNCATED:
            # At least the last byte of the headers is missing where there is no body to cut.
            whole = _encoded(*answer)
            connection.sendall(whole[: len(whole) - max(3, len(answer[2]) // 2)])
        else:
            _reset(connection)

    def _forward(self, request: Request) -> tuple[int, dict[str, str], bytes]:
        self.calls.append(request.line)
        onward = http.client.HTTPConnection("127.0.0.1", self.to_port, timeout=40)
        try:
            kept = {k: v for k, v in request.headers.items() if k.lower() != "connection"}
            onward.request(request.method, request.path, request.body, kept)
            answer = onward.getresponse()
            headers = {k: v for k, v in answer.getheaders() if k.lower() not in _HOP_BY_HOP}
            return answer.status, headers, answer.read()
        finally:
            onward.close()


_HOP_BY_HOP = {"connection", "transfer-encoding", "content-length", "keep-alive"}


def _read(connection: socket.socket) -> Request:
    raw = b""
    while b"\r\n\r\n" not in raw:
        some = connection.recv(_CHUNK)
        if not some:
            raise ValueError("no request")
        raw += some
    head, _, body = raw.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines)
    wanted = int(next((v for k, v in headers.items() if k.lower() == "content-length"), 0))
    while len(body) < wanted:
        body += connection.recv(_CHUNK)
    method, path, _ = first.split(" ")
    return Request(method, path, headers, body)


def _encoded(status: int, headers: dict[str, str], body: bytes) -> bytes:
    lines = [f"HTTP/1.1 {status} {http.client.responses.get(status, 'Odd')}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    if status not in {204, 304}:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "Connection: close", "", ""]).encode("latin-1") + body


def _send(connection: socket.socket, status: int, headers: dict[str, str], body: bytes) -> None:
    connection.sendall(_encoded(status, headers, body))


def _reset(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def _drip(connection: socket.socket, whole: bytes, until: threading.Event) -> None:
    for byte in whole:
        connection.sendall(bytes([byte]))
        if until.wait(0.02):
            return


def _wait_for(connection: socket.socket, until: threading.Event) -> None:
    connection.settimeout(0.02)
    while not until.is_set():
        with suppress(TimeoutError):
            if not connection.recv(1):  # the portal lost its patience
                return


@contextmanager
def wire_to(port: int) -> Iterator[Wire]:
    """A wire to the server on `port` that listens for the length of the block."""
    wire = Wire(port)
    wire.listen()
    try:
        yield wire
    finally:
        wire.mend()
        wire.cut()


def timed[T](call: Callable[[], T]) -> tuple[T | Exception, float]:
    """What a call came to, and how many seconds it took."""
    began = time.monotonic()
    try:
        came_to: T | Exception = call()
    except Exception as error:
        came_to = error
    return came_to, time.monotonic() - began
