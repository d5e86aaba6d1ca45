"""A stand-in for whoever the tenant calls: records requests and answers as told."""

from __future__ import annotations

import queue
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(frozen=True, slots=True)
class Received:
    """One request that arrived."""

    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Receiver:
    """An HTTP server on a free loopback port; ``answers`` holds, by path, the next statuses."""

    received: queue.Queue[Received] = field(default_factory=queue.Queue)
    answers: dict[str, list[int]] = field(default_factory=dict)
    _server: ThreadingHTTPServer | None = None

    @property
    def url(self) -> str:
        """Base URL, without a trailing slash."""
        assert self._server is not None
        return f"http://localhost:{self._server.server_address[1]}"

    def start(self) -> Receiver:
        """Listen."""
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            disable_nagle_algorithm = True  # headers and body leave in two parts (RFC 896)

            def do_POST(self) -> None:
                length = int(self.headers.get("Content-Length", 0))
                body = self.rfile.read(length)
                headers = {name.lower(): value for name, value in self.headers.items()}
                told = receiver.answers.get(self.path, [])
                status = told.pop(0) if told else 200
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()
                receiver.received.put(Received(self.path, headers, body))

            def log_message(self, format: str, *args: object) -> None:
                """Quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def stop(self) -> None:
        """Stop listening."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()

    def next(self, path: str, timeout: float = 30.0) -> Received:
        """The next request to ``path``, skipping others; fails after ``timeout`` seconds."""
        while True:
            arrived = self.received.get(timeout=timeout)
            if arrived.path == path:
                return arrived
