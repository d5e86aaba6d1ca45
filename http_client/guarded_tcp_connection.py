"""The guarded end of the wire: names are resolved here, and only checked addresses connected to."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable

import httpcore

from http_client.address_guard import Forbidden, Guard
from http_client.deadline import BoundedStream, left

type SocketOption = (
    tuple[int, int, int] | tuple[int, int, bytes | bytearray] | tuple[int, int, None, int]
)


class GuardedBackend(httpcore.NetworkBackend):
    """Opens TCP connections to addresses that the guard admits, and to no others.

    The address that was checked is the address that is connected to; TLS still verifies the name.
    """

    def __init__(self, guard: Guard) -> None:
        self._guard = guard
        self._inner = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[SocketOption] | None = None,
    ) -> httpcore.NetworkStream:
        """Connect to the first admitted address that accepts; raises ``Forbidden`` for none."""
        last: httpcore.ConnectError | httpcore.ConnectTimeout | None = None
        for address in self._admitted(host, port):
            try:
                within = left(timeout, httpcore.ConnectTimeout)
                return BoundedStream(
                    self._inner.connect_tcp(address, port, within, local_address, socket_options)
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as failure:
                last = failure
        raise last or httpcore.ConnectError("the name has no address")

    def _admitted(self, host: str, port: int) -> list[str]:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except OSError as failure:
            raise httpcore.ConnectError(f"name not resolved: {failure.strerror}") from None
        admitted: list[str] = []
        refusal: Forbidden | None = None
        for *_, sockaddr in found:
            text = str(sockaddr[0])
            try:
                self._guard.check_address(ipaddress.ip_address(text.partition("%")[0]))
            except Forbidden as no:
                refusal = no
            else:
                admitted.append(text)
        if refusal is not None and not admitted:
            raise refusal
        return list(dict.fromkeys(admitted))
