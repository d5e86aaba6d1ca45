"""What no request body may be, decided from its headers before a byte of it is read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from api.problems import Problem, answer
from serving.limits import LONGEST_PUSH, PUSHES


class BodyLimits:
    """Refuse bodies that are compressed, of unsaid length, or larger than we hold in memory.

    A compressed body would be small on the wire and large in memory; a body of unsaid length would
    be read as an empty one (WSGI has no other way). Pushes of gateways (`serving.limits.PUSHES`)
    may have LONGEST_PUSH bytes, few endpoints take up to DATA_UPLOAD_MAX_MEMORY_SIZE (`_LARGE`),
    all others ORDINARY bytes.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        problem = refused(request)
        if problem is None:
            return self.get_response(request)
        if request.path.startswith("/v1/"):
            return answer(problem, request)
        # Pages cannot be rendered here: who is signed in is found out further in.
        return HttpResponse(
            f"{problem.detail}\n",
            status=problem.status,
            content_type="text/plain; charset=utf-8",
            headers=problem.headers,
        )


ORDINARY: Final = 512 * 1024
_LARGE: Final = (
    "/v1/audit/events",  # a thousand events at once
    "/v1/ingest/auth0-logs",
    "/v1/outposts/reports",  # rows, and what a gateway lists
    "/v1/policy",  # sixty rules, groups of a hundred people
    "/approvals/policy/",
)
_LIMIT_WORDS: Final = "The body is too large: at most {:,} bytes. Send less at once."


def limit_of(path: str) -> int:
    """The most bytes that the body of a request to a path may have."""
    if path.startswith(PUSHES):
        return LONGEST_PUSH
    most = int(settings.DATA_UPLOAD_MAX_MEMORY_SIZE)
    return most if path.startswith(_LARGE) else min(most, ORDINARY)


def too_large(limit: int) -> Problem:
    """413 with the limit in words (RFC 9110 section 15.5.14)."""
    return Problem(413, "too_large", _LIMIT_WORDS.format(limit), limit=limit)


def refused(request: HttpRequest) -> Problem | None:
    """Why the body of this request is not read; None where nothing speaks against it."""
    encoding = request.headers.get("Content-Encoding", "").strip().lower()
    if encoding not in {"", "identity"}:
        return Problem(
            415,
            "unsupported_encoding",
            "Send the body as it is: compressed bodies are not accepted.",
            headers={"Accept-Encoding": "identity"},  # RFC 9110 section 15.5.16
        )
    length = request.headers.get("Content-Length", "").strip()
    if not length and request.headers.get("Transfer-Encoding"):
        return Problem(
            411, "length_required", "Say how long the body is: Content-Length, not chunks."
        )
    if length.isascii() and length.isdigit():
        # Digits beyond the twentieth are not worth a conversion.
        if len(length) > 20 or int(length) > limit_of(request.path):
            return too_large(limit_of(request.path))
    elif length:
        return Problem(400, "bad_request", "Content-Length is not a number.")
    return None
