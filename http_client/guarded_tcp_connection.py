"""The guarded end of the wire: names are resolved here, and only checked addresses connected to."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable

import httpcore

from http_client import proxies_and_authorities
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
        admitted = self._admitted(host, port)
        return self._connect_to_one(admitted, port, timeout, local_address, socket_options)

    def connect_for_tls(
        self, host: str, port: int, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        """As `connect_tcp`, but through the proxy where the host is one that it is for.

        The guard admits the host's own addresses first; the proxy is the one of the settings.
        """
        admitted = self._admitted(host, port)
        proxy = proxies_and_authorities.proxy_for(host, admitted)
        if not proxy:
            return self._connect_to_one(admitted, port, timeout)
        proxy_host, proxy_port = proxies_and_authorities.proxy_address(proxy)
        found = _addresses(proxy_host, proxy_port, "the name of the proxy is")
        stream = self._connect_to_one(found, proxy_port, timeout)
        try:
            proxies_and_authorities.open_tunnel(stream, proxy, host, port, timeout)
        except BaseException:
            stream.close()
            raise
        return stream

    def _connect_to_one(
        self,
        addresses: Iterable[str],
        port: int,
        timeout: float | None,
        local_address: str | None = None,
        socket_options: Iterable[SocketOption] | None = None,
    ) -> httpcore.NetworkStream:
        last: httpcore.ConnectError | httpcore.ConnectTimeout | None = None
        for address in addresses:
            try:
                within = left(timeout, httpcore.ConnectTimeout)
                return BoundedStream(
                    self._inner.connect_tcp(address, port, within, local_address, socket_options)
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as failure:
                last = failure
        raise last or httpcore.ConnectError("the name has no address")

    def _admitted(self, host: str, port: int) -> list[str]:
        admitted: list[str] = []
        refusal: Forbidden | None = None
        for text in _addresses(host, port, "name"):
            try:
                self._guard.check_address(ipaddress.ip_address(text.partition("%")[0]))
            except Forbidden as no:
                refusal = no
            else:
                admitted.append(text)
        if refusal is not None and not admitted:
            raise refusal
        return admitted


def _addresses(host: str, port: int, what: str) -> list[str]:
    """The addresses of a name, each once."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as failure:
        raise httpcore.ConnectError(f"{what} not resolved: {failure.strerror}") from None
    return list(dict.fromkeys(str(sockaddr[0]) for *_, sockaddr in found))
