"""One deadline for a whole exchange, headers included, however slowly its bytes arrive.

httpx limits each read; a server that sends one byte a second keeps every such limit for ever.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import httpcore

from outbound.waiting import waiting

_ends: ContextVar[float | None] = ContextVar("outbound_deadline", default=None)


@contextmanager
def ends_at(moment: float) -> Iterator[None]:
    """Bound every read inside the block by `moment`, in seconds of `time.monotonic`."""
    token = _ends.set(moment)
    try:
        yield
    finally:
        _ends.reset(token)


def left(timeout: float | None) -> float | None:
    """`timeout` seconds, or what is left until the deadline where that is less.

    Raises:
        httpcore.ReadTimeout: nothing is left.
    """
    end = _ends.get()
    if end is None:
        return timeout
    rest = end - time.monotonic()
    if rest <= 0:
        raise httpcore.ReadTimeout("the answer arrived too slowly")
    return rest if timeout is None else min(timeout, rest)


class BoundedStream(httpcore.NetworkStream):
    """A connection whose reads keep the deadline of the exchange that they belong to."""

    def __init__(self, inner: httpcore.NetworkStream) -> None:
        self._inner = inner

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Raises httpcore.ReadTimeout at the deadline."""
        with waiting():
            return self._inner.read(max_bytes, left(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """As the connection itself."""
        self._inner.write(buffer, timeout)

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
        return BoundedStream(self._inner.start_tls(ssl_context, server_hostname, timeout))

    def get_extra_info(self, info: str) -> Any:
        """As the connection itself."""
        return self._inner.get_extra_info(info)
