"""One deadline for a whole exchange, connecting included, however slowly its bytes arrive.

httpx limits each read; a server that sends one byte a second keeps every such limit for ever.
"""

from __future__ import annotations

import math
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import httpcore

from http_client.lend_thread_while_waiting import waiting

_ends: ContextVar[float | None] = ContextVar("outbound_deadline", default=None)


@contextmanager
def ends_at(moment: float) -> Iterator[float]:
    """Bound every wait inside the block by `moment`, in seconds of `time.monotonic`.

    Yields the deadline in force, which is an earlier one where a block around it has one.
    """
    moment = min(moment, _ends.get() or math.inf)
    token = _ends.set(moment)
    try:
        yield moment
    finally:
        _ends.reset(token)


def remaining() -> float:
    """Seconds until the deadline; infinite where there is none."""
    end = _ends.get()
    return math.inf if end is None else end - time.monotonic()


def left(
    timeout: float | None, late: type[httpcore.TimeoutException] = httpcore.ReadTimeout
) -> float | None:
    """`timeout` seconds, or what is left until the deadline where that is less.

    Raises:
        httpcore.TimeoutException: nothing is left; `late` says what for.
    """
    rest = remaining()
    if rest <= 0:
        raise late("the deadline has passed")
    if rest == math.inf:
        return timeout
    return rest if timeout is None else min(timeout, rest)


class BoundedStream(httpcore.NetworkStream):
    """A connection whose waits keep the deadline of the exchange that they belong to."""

    def __init__(self, inner: httpcore.NetworkStream) -> None:
        self._inner = inner

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Raises httpcore.ReadTimeout at the deadline."""
        with waiting():
            return self._inner.read(max_bytes, left(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Raises httpcore.WriteTimeout at the deadline."""
        self._inner.write(buffer, left(timeout, httpcore.WriteTimeout))

    def close(self) -> None:
        """As the connection itself."""
        self._inner.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        """The same bound over TLS."""
        within = left(timeout, httpcore.ConnectTimeout)
        return BoundedStream(self._inner.start_tls(ssl_context, server_hostname, within))

    def get_extra_info(self, info: str) -> Any:
        """As the connection itself."""
        return self._inner.get_extra_info(info)
