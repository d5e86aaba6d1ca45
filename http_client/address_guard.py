"""Which addresses this process may talk to (server-side request forgery, OWASP A10:2021).

A URL is checked when a call is made, and every address its name resolves to is checked again when
the connection is opened, so that a name which changes its answer in between gains nothing.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult, urlsplit

type Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# Cloud metadata services that do not live in a link-local range.
_METADATA_ADDRESSES: Final = frozenset(
    map(ipaddress.ip_address, ("100.100.100.200", "168.63.129.16", "192.0.0.192", "fd00:ec2::254"))
)
_METADATA_NAMES: Final = frozenset(
    {"metadata", "metadata.google.internal", "metadata.goog", "instance-data"}
)
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")
_SHARED: Final = ipaddress.IPv4Network("100.64.0.0/10")


class Forbidden(Exception):
    """The guard's answer is no; the message says why and what setting would change it."""


@dataclass(frozen=True, slots=True)
class Guard:
    """The policy of one outbound client.

    ``allowed_hosts``: None admits any public host; otherwise only these names (exact, without
    port). ``loopback`` and ``private`` admit 127.0.0.0/8, ::1 and RFC 1918 / RFC 4193 addresses.
    Link-local, metadata, multicast, reserved and unspecified addresses are never admitted.
    ``plain_http`` admits ``http://``; over loopback it is always admitted where loopback is.
    """

    allowed_hosts: frozenset[str] | None = None
    loopback: bool = False
    private: bool = False
    plain_http: bool = False

    @classmethod
    def embedded(cls) -> Guard:
        """For a portal on the machine of its local tenant: loopback and private, plain HTTP."""
        return cls(loopback=True, private=True, plain_http=True)

    @classmethod
    def only(cls, *urls: str, private: bool = True) -> Guard:
        """For calls to addresses an administrator configured: those hosts and no other.

        Loopback is admitted when one of the URLs names it, plain HTTP when one of them uses it.
        """
        parts = [urlsplit(url) for url in urls]
        hosts = frozenset((part.hostname or "").rstrip(".").lower() for part in parts)
        return cls(
            allowed_hosts=hosts,
            loopback=any(is_loopback_name(host) for host in hosts),
            private=private,
            plain_http=any(part.scheme == "http" for part in parts),
        )

    def check_url(self, url: str) -> None:
        """Raise ``Forbidden`` if ``url`` may not be called; looks nothing up."""
        parts, host = _split(url)
        if parts.username is not None or parts.password is not None:
            raise Forbidden("credentials in a URL are not allowed; send them in a header")
        if host in _METADATA_NAMES:
            raise Forbidden("cloud metadata services are never called")
        if self.allowed_hosts is not None and host not in self.allowed_hosts:
            raise Forbidden(f"host {host!r} is not on the list of allowed hosts")
        if parts.scheme == "http" and not self.plain_http and not self._is_near(host):
            raise Forbidden("plain http is not allowed here; use https")
        if is_loopback_name(host) and not self.loopback:
            raise Forbidden("loopback addresses are not allowed here")
        literal = _literal(host)
        if literal is not None:
            self.check_address(literal)

    def check_address(self, address: Address) -> None:
        """Raise ``Forbidden`` if no connection to ``address`` may be opened."""
        address = _unwrap(address)
        if address.is_link_local or address in _METADATA_ADDRESSES:
            raise Forbidden(f"{address} is a link-local or metadata address; never called")
        if address.is_loopback:
            if not self.loopback:
                raise Forbidden(f"{address} is a loopback address; not allowed here")
            return
        if address.is_multicast or address.is_unspecified:
            raise Forbidden(f"{address} is not an address of one host; never called")
        if address.is_reserved:  # asked before: of IPv4, what is reserved is called private too
            raise Forbidden(f"{address} is reserved; never called")
        if _is_inner(address) and not self.private:
            raise Forbidden(f"{address} is a private address; not allowed here")

    def _is_near(self, host: str) -> bool:
        return self.loopback and is_loopback_name(host)


def _is_inner(address: Address) -> bool:
    """Whether an address is of a network of somebody's own, the site-local of RFC 3513 included."""
    if isinstance(address, ipaddress.IPv4Address):
        return address.is_private or address in _SHARED
    return address.is_private or address.is_site_local


def is_public(address: Address) -> bool:
    """Whether an address is of the Internet, not of this machine, a link or a private network."""
    address = _unwrap(address)
    return address.is_global and not address.is_multicast and address not in _METADATA_ADDRESSES


def is_loopback_name(host: str) -> bool:
    """Whether ``host`` means this machine by name or by literal address."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    literal = _literal(host)
    return literal is not None and _unwrap(literal).is_loopback


def _split(url: str) -> tuple[SplitResult, str]:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        raise Forbidden("not a well-formed URL") from None
    host = (parts.hostname or "").rstrip(".").lower()
    if parts.scheme not in ("http", "https") or not host:
        raise Forbidden("only absolute http and https URLs are called")
    return parts, host


def _literal(host: str) -> Address | None:
    try:
        return ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None


def _unwrap(address: Address) -> Address:
    """The IPv4 address that an IPv6 spelling stands for, else the address itself."""
    if not isinstance(address, ipaddress.IPv6Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address
