"""The portal over HTTP on a test's own database: as Django serves it, without its waits."""

from __future__ import annotations

import socket
from typing import Any

from django.core.servers.basehttp import ThreadedWSGIServer
from django.test.testcases import LiveServerThread


class _Server(ThreadedWSGIServer):
    daemon_threads = False  # so that closing waits for them: they use what the test takes back then

    def serve_forever(self, poll_interval: float = 0.02) -> None:
        """Look often whether to stop: the default of half a second is longer than a test."""
        super().serve_forever(poll_interval)

    def get_request(self) -> Any:
        """Let an answer in two parts leave at once (Nagle's algorithm, RFC 896)."""
        connection, address = super().get_request()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection, address


class LiveServer(LiveServerThread):
    """A live server that starts and stops in milliseconds."""

    server_class = _Server
