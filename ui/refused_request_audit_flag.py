"""Marks a request that an endpoint refused, for `accounts.access_refusal_events` to record it."""

from __future__ import annotations

from dataclasses import dataclass

from django.http import HttpRequest

_META = "ATA_REFUSED"


@dataclass(frozen=True, slots=True)
class Mark:
    """Why a request was refused.

    Attributes:
        code: stable code, as the answer has it.
        reason: which check failed, as a code; empty where the code says it all.
        certain: worth an event whatever the answer looks like: an error page, a way back, a 404.
    """

    code: str
    reason: str = ""
    certain: bool = False


def mark(request: HttpRequest, code: str, reason: str = "", *, certain: bool = False) -> None:
    """Say why this request is refused; the last word counts."""
    request.META[_META] = Mark(code, reason, certain)


def unmark(request: HttpRequest) -> None:
    """For a request whose refusal is recorded already, by a separate event."""
    request.META.pop(_META, None)


def mark_of(request: HttpRequest) -> Mark | None:
    """What was said of this request; None where nobody refused it."""
    found: Mark | None = request.META.get(_META)
    return found


_MAY_NOT = frozenset(
    {
        *("not_permitted", "not_reviewer", "break_glass", "needs_another_person"),
        *("unknown_registration", "legal_hold"),
    }
)
"""Refusals of the pipeline that say *not you*, or not this one; the others say *not like this* or
*not now*."""


def tell(request: HttpRequest, code: str) -> None:
    """Mark a request whose act the pipeline refused, where it says that this person may not."""
    if code in _MAY_NOT:
        mark(request, code, certain=True)
