"""`Idempotency-Key`: a call that decides has one answer for a key, for 24 hours (DESIGN 2.5)."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from django.http import HttpRequest, JsonResponse

from accounts.bearer import caller
from api.problems import Problem
from approvals import idempotency
from approvals.errors import NothingToDo

HEADER: Final[dict[str, Any]] = {
    "in": "header",
    "name": "Idempotency-Key",
    "required": False,
    "description": "The same call with the same key gets the same answer for 24 hours.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 200, "pattern": "^[!-~]+$"},
}
_KEY: Final = re.compile("[!-~]{0,200}")

type Answer = tuple[int, dict[str, Any]]
type Keep = Callable[[int, dict[str, Any]], None]
"""Keeps status and body of an answer, inside the transaction of what it tells."""


def answered(request: HttpRequest, act: Callable[[Keep], Answer]) -> JsonResponse:
    """The answer of `act`, or the one that this key had before.

    Raises:
        Problem: 422 `invalid_request` or `idempotency_mismatch`, 409 `still_running`.
    """
    key = request.headers.get("Idempotency-Key", "")
    if not _KEY.fullmatch(key):
        words = "Idempotency-Key: at most 200 printable ASCII characters."
        raise Problem(422, "invalid_request", words)
    if not key:
        status, answer = _unless_needless(act, _nothing)
        return JsonResponse(answer, status=status)
    call = f"{request.method} {request.path}"
    try:
        claim = idempotency.begin(caller(request).actor, key, call, request.body)
    except idempotency.Mismatch:
        raise Problem(
            422, "idempotency_mismatch", "This Idempotency-Key was used for another call."
        ) from None
    except idempotency.StillRunning:
        raise _still_running() from None
    if isinstance(claim, idempotency.Known):
        return JsonResponse(claim.answer, status=claim.status)
    try:
        status, answer = _unless_needless(act, partial(idempotency.finish, claim))
    except idempotency.ClaimLost:
        raise _still_running() from None
    except BaseException:
        idempotency.abandon(claim)
        raise
    return JsonResponse(answer, status=status)


def _unless_needless(act: Callable[[Keep], Answer], keep: Keep) -> Answer:
    """What `act` answers; 200 `nothing_to_do` where what it decides is so already."""
    try:
        return act(keep)
    except NothingToDo as so:
        answer = {"code": so.code, "detail": so.detail}
        keep(200, answer)
        return 200, answer


def _nothing(status: int, answer: dict[str, Any]) -> None:
    """No key, no answer to keep."""


def _still_running() -> Problem:
    return Problem(
        409,
        "still_running",
        "The first call with this key is not answered yet.",
        headers={"Retry-After": "1"},
    )
