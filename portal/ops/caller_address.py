"""The address of the caller behind the proxies that `TRUSTED_PROXIES` names.

A proxy adds the address it was called from at the end of `X-Forwarded-For`; what stands before that
the caller may have written. So the header is read from its end, past trusted proxies only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from django.conf import settings
from django.http import HttpRequest, HttpResponse

type Networks = Iterable[IPv4Network | IPv6Network]


class CallerAddressMiddleware:
    """Set `REMOTE_ADDR` to the caller's address, which events and limits use."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if trusted := settings.ENV.trusted_proxies:
            peer = request.META.get("REMOTE_ADDR", "")
            forwarded = request.META.get("HTTP_X_FORWARDED_FOR", "")
            request.META["REMOTE_ADDR"] = caller_address(peer, forwarded, trusted)
        return self.get_response(request)


def caller_address(peer: str, forwarded: str, trusted: Networks) -> str:
    """The last address that is no trusted proxy; where all are, or one is unreadable, the proxy
    that reported it.

    Args:
        peer: from where the connection comes.
        forwarded: the values of `X-Forwarded-For`, the nearest hop last.
    """
    nearest = peer
    for hop in reversed(forwarded.split(",")):
        address = _address(nearest)
        if address is None or not any(address in network for network in trusted):
            return nearest
        if (further := _address(hop)) is None:
            return nearest
        nearest = str(further)
    return nearest


def _address(text: str) -> IPv4Address | IPv6Address | None:
    """An address, also as proxies write it: with a port, in brackets, IPv4 in IPv6."""
    bare = text.strip()
    if bare.startswith("["):
        bare = bare[1:].partition("]")[0]
    elif bare.count(":") == 1:
        bare = bare.partition(":")[0]
    try:
        found = ip_address(bare)
    except ValueError:
        return None
    if getattr(found, "scope_id", None):  # any text, and of one link only
        return None
    return getattr(found, "ipv4_mapped", None) or found
