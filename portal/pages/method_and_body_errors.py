"""What the framework refuses with an empty or a plain body, as a page for people who navigate."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string

from ui.request_id import request_id

_TITLES: Final = {
    405: "This link can’t be opened directly",
    411: "The browser did not say how much it sends",
    413: "That is more than we take at once",
    415: "That was sent in a form we do not read",
}
_TEXT: Final = {
    405: "Go back and use the button. Go back, and press the button there.",
    413: "Send less: a shorter text, or fewer things at once.",
}


class RefusalsAreShown:
    """405, 411, 413 and 415 with words and a way back instead of a blank window.

    The page needs neither a session nor a database: these answers are given before both.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        title = _TITLES.get(response.status_code)
        if title is None or not _navigates(request) or request.path.startswith("/v1/"):
            return response
        words = {
            "code": response.status_code,
            "title": title,
            "text": f"{_TEXT.get(response.status_code, '')} Nothing was changed.".strip(),
            "reference": request_id(request),
        }
        response.content = render_to_string("errors/refused.html", words).encode()
        response["Content-Type"] = "text/html; charset=utf-8"
        return response


def _navigates(request: HttpRequest) -> bool:
    """Whether a browser is going to show the answer as a page."""
    return "text/html" in request.headers.get("Accept", "") and not request.headers.get(
        "HX-Request"
    )
