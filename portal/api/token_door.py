"""The broker's call by a short way: without the parts of the frame that are for pages.

Whoever asks for tokens asks often, and most of the frame is for browsers: sessions, forms,
messages, compression. What guards an answer lies further out and stays; what is left out here
reads or writes a cookie, compresses, or finds out which view an address has.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, Final

from django.core.handlers.exception import convert_exception_to_response
from django.http import HttpRequest, HttpResponse
from django.urls import ResolverMatch, resolve

from audit import unchanged
from portal.identity.refusals import RefusalsAreRecorded

PATH: Final = "/v1/auth/token"


class TokenDoor:
    """Middleware: answers `GET /v1/auth/token` itself, and lets everything else go on."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response
        guarded: Any = convert_exception_to_response(_view)
        self._answer = RefusalsAreRecorded(guarded)

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path_info != PATH or request.method != "GET":
            return self.get_response(request)
        if "authorization" not in request.headers:
            return self.get_response(request)  # the refusal names whose session it came in
        request.get_host()  # raises DisallowedHost, which is answered with 400
        response = self._answer(request)
        response.headers.setdefault("Content-Length", str(len(response.content)))
        return response


def _view(request: HttpRequest) -> HttpResponse:
    match = _match()
    request.resolver_match = match
    with unchanged.looking():
        answer: HttpResponse = match.func(request, *match.args, **match.kwargs)
    return answer


@cache
def _match() -> ResolverMatch:
    return resolve(PATH)
