"""No cache keeps an answer that did not say it may be kept."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse


class PrivateByDefault:
    """`private, no-store` on every answer that has no such header yet (RFC 9111 section 5.2).

    Pages and `/v1` speak about people: neither a cache on the way nor the browser of somebody who
    signed out keeps them, redirects and errors included.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        response.headers.setdefault("Cache-Control", "private, no-store")
        return response
