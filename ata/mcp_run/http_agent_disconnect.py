"""Whether the agent is still there while its server takes time to answer.

Closing the connection is how an agent cancels a request (MCP 2026-07-28, Streamable HTTP): the
server has to learn of it then, not when it has something to say.
"""

from __future__ import annotations

import select
import socket
from collections.abc import Mapping
from contextlib import suppress
from threading import Lock, Thread
from types import TracebackType


class HangingUp:
    """Inside the block, the connection to the server ends as soon as the agent's does."""

    def __init__(self, agent: socket.socket) -> None:
        self._agent = agent
        self._server: socket.socket | None = None
        self._is_gone = False
        self._lock = Lock()
        self._ours, self._theirs = socket.socketpair()
        self._watch = Thread(target=self._wait, daemon=True)

    def __enter__(self) -> HangingUp:
        self._watch.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._ours.close()
        self._watch.join()
        self._theirs.close()

    def trace(self, name: str, info: Mapping[str, object]) -> None:
        """Learn which connection the request goes over (httpx, extensions: `trace`)."""
        if name not in {"connection.connect_tcp.complete", "connection.start_tls.complete"}:
            return
        with self._lock:
            self._server = info["return_value"].get_extra_info("socket")  # type: ignore[attr-defined]
            self._end_if_gone()

    def _wait(self) -> None:
        watched = select.poll()
        watched.register(self._agent, select.POLLIN)
        watched.register(self._theirs, select.POLLIN)
        if self._theirs.fileno() in dict(watched.poll()):
            return
        with suppress(OSError):  # a reset is an end as well
            if self._agent.recv(1, socket.MSG_PEEK):
                return  # it asks for more before it was answered: it is there
        with self._lock:
            self._is_gone = True
            self._end_if_gone()

    def _end_if_gone(self) -> None:
        if self._is_gone and self._server is not None:
            with suppress(OSError):  # the server ended at the same time
                self._server.shutdown(socket.SHUT_RDWR)
