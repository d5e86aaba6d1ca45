"""No text of a request holds a NUL: nobody types one, and PostgreSQL keeps none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse

_WHY = "A NUL character is no text."


class TextsWithoutNul:
    """400 for an address or a form with a NUL, before a query is made of it.

    `/v1` reads JSON and judges its own bodies.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        query = request.META.get("QUERY_STRING", "")
        if "\0" in request.path_info or "\0" in query or "%00" in query:
            raise BadRequest(_WHY)
        return self.get_response(request)

    def process_view(self, request: HttpRequest, *_: Any) -> None:
        """Forms; they were read for their CSRF token already."""
        if request.method != "POST" or request.path.startswith("/v1/"):
            return
        for name, values in request.POST.lists():
            if "\0" in name or any("\0" in value for value in values):
                raise BadRequest(_WHY)
