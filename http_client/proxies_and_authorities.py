"""What an installation adds to outgoing calls: authorities (`CA_FILE`) and a proxy (`HTTPS_PROXY`).

Settings name both; nothing else of the environment is read. A call goes through the proxy if it is
https, its host is not in `NO_PROXY`, and every address of its host is public.
"""

from __future__ import annotations

import base64
import ipaddress
import ssl
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

import h11
import httpcore
import httpx

from http_client.address_guard import Address, is_public

_PIECE = 4_096
_LONGEST_HEAD = 16_384  # bytes of the proxy's answer
_PORT = 3128  # where proxies listen by custom


@dataclass(frozen=True, slots=True)
class Additions:
    """The settings.

    Attributes:
        ca_file: PEM certificates trusted next to the public authorities; None is none.
        proxy: `http://[user:password@]host[:port]`; "" is none.
        no_proxy: hosts, of which subdomains are meant too, addresses and networks that are called
            directly; `*` is all.
    """

    ca_file: Path | None = None
    proxy: str = ""
    no_proxy: frozenset[str] = frozenset()


_in_force = Additions()


def configure(additions: Additions) -> None:
    """Set what calls from now on add; clients that hold connections keep what they have."""
    global _in_force
    _in_force = additions


def check_ca_file(file: Path) -> None:
    """Check that a file has PEM certificates and nothing that is none.

    Raises:
        ValueError: it cannot be read, is empty or has none; the message has the path.
    """
    try:
        text = file.read_bytes()
    except OSError as error:
        raise ValueError(f"cannot be read: {error.strerror}: {file}") from None
    if not text.strip():
        raise ValueError(f"is empty: {file}")
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(file)
    except (ssl.SSLError, ValueError):
        raise ValueError(f"has no PEM certificates: {file}") from None


def checked_proxy(address: str) -> str:
    """The address of a proxy, which other programs also take without `http://`.

    Raises:
        ValueError: it is none that can be used; the message does not repeat it.
    """
    if "://" not in address:
        address = f"http://{address}"
    try:
        parts = urlsplit(address)
        _ = parts.port
    except ValueError:
        raise ValueError("must be http://host:port") from None
    alone = parts.path in ("", "/") and not parts.query and not parts.fragment
    if parts.scheme != "http" or not parts.hostname or not alone:
        raise ValueError("must be http://host:port")
    return address


def add_authorities(context: ssl.SSLContext) -> ssl.SSLContext:
    """Let a context also trust the certificates of `CA_FILE`, and return it."""
    if _in_force.ca_file is not None:
        context.load_verify_locations(_in_force.ca_file)
    return context


def new_context() -> ssl.SSLContext:
    """A new context that trusts the public authorities and those of `CA_FILE`."""
    return add_authorities(httpx.create_ssl_context(trust_env=False))


def shared_context() -> ssl.SSLContext:
    """The same, shared: reading the authorities takes longer than many a request."""
    return _shared(_in_force)


@lru_cache(maxsize=4)
def _shared(_additions: Additions) -> ssl.SSLContext:
    return new_context()


def proxy_for(host: str, addresses: Iterable[str]) -> str:
    """The proxy of an https call to a host with these addresses; "" where it is called directly."""
    found = [ipaddress.ip_address(one.partition("%")[0]) for one in addresses]
    if not _in_force.proxy or not found or not all(map(is_public, found)):
        return ""
    excluded = any(_is_excluded(host, found, rule) for rule in _in_force.no_proxy)
    return "" if excluded else _in_force.proxy


def _is_excluded(host: str, addresses: Iterable[Address], rule: str) -> bool:
    name = rule.lower().lstrip(".")
    if rule == "*" or host == name or host.endswith(f".{name}"):
        return True
    try:
        network = ipaddress.ip_network(rule, strict=False)
    except ValueError:
        return False
    return any(address in network for address in addresses)


def proxy_address(proxy: str) -> tuple[str, int]:
    """Host and port of a proxy."""
    parts = urlsplit(proxy)
    return parts.hostname or "", parts.port or _PORT


def open_tunnel(
    stream: httpcore.NetworkStream, proxy: str, host: str, port: int, timeout: float | None
) -> None:
    """Have the proxy at the other end of a stream connect it to a host (RFC 9110 section 9.3.6).

    Raises:
        httpcore.ConnectError: the proxy refuses, or answers as none does.
        httpcore.TimeoutException, httpcore.NetworkError: as the stream.
    """
    speaks = h11.Connection(h11.CLIENT, max_incomplete_event_size=_LONGEST_HEAD)
    place = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    headers = [("Host", place), *_credentials(proxy)]
    request = h11.Request(method="CONNECT", target=place, headers=headers)
    stream.write(speaks.send(request) or b"", timeout)
    stream.write(speaks.send(h11.EndOfMessage()) or b"", timeout)
    try:
        status = _status(speaks, stream, timeout)
    except h11.RemoteProtocolError:
        raise httpcore.ConnectError("HTTPS_PROXY does not answer as a proxy") from None
    if not 200 <= status < 300:
        raise httpcore.ConnectError(f"the proxy answered CONNECT with status {status}")
    if speaks.trailing_data[0]:  # a TLS server does not speak first
        raise httpcore.ConnectError("HTTPS_PROXY does not answer as a proxy")


def _status(speaks: h11.Connection, stream: httpcore.NetworkStream, timeout: float | None) -> int:
    while True:
        event = speaks.next_event()
        if isinstance(event, h11.Response):
            return event.status_code
        if event is h11.NEED_DATA:
            speaks.receive_data(stream.read(_PIECE, timeout))
        elif isinstance(event, h11.ConnectionClosed) or event is h11.PAUSED:
            raise h11.RemoteProtocolError("no answer")


def _credentials(proxy: str) -> list[tuple[str, str]]:
    parts = urlsplit(proxy)
    if not parts.username:
        return []
    named = f"{unquote(parts.username)}:{unquote(parts.password or '')}".encode()
    return [("Proxy-Authorization", f"Basic {base64.b64encode(named).decode()}")]
