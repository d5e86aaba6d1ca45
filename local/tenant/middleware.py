"""Loopback only, and OAuth errors as Auth0 writes them."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_address

from django.http import HttpRequest, HttpResponse, HttpResponseForbidden

from local.tenant.oauth.errors import OAuthError

GetResponse = Callable[[HttpRequest], HttpResponse]


class LoopbackOnly:
    """Refuse callers from other machines, whatever the server was bound to."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer, or refuse with 403 when the peer is not a loopback address."""
        if not _is_loopback(str(request.META.get("REMOTE_ADDR", ""))):
            return HttpResponseForbidden(
                "The local tenant signs anyone in and answers this machine only.",
                content_type="text/plain",
            )
        return self.get_response(request)


class OAuthErrors:
    """Turn an OAuthError raised by a view into its JSON answer."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Pass the request on."""
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Answer an OAuthError; leave anything else to Django."""
        return exception.response() if isinstance(exception, OAuthError) else None


def _is_loopback(address: str) -> bool:
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return False
