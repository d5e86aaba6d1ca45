"""From an answer that is not 2xx to the typed error it means: three dialects, one vocabulary.

OAuth endpoints say ``{error, error_description}``, My Account says RFC 9457 problem JSON, the
Management API says ``{statusCode, error, message, errorCode}``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Final

from auth0_client.errors import (
    Auth0Error,
    BadCredentials,
    BadRequest,
    Conflict,
    Forbidden,
    InvalidGrant,
    NotAllowed,
    NotFound,
    RateLimited,
    ReauthenticationNeeded,
    Unavailable,
)
from http_client.errors import BadAnswer, HostUnreachable, RequestTimedOut
from http_client.redaction import printable, redact_text
from http_client.response import Answer

_BY_CODE: Final[dict[str, type[Auth0Error]]] = {
    "invalid_client": BadCredentials,
    "unauthorized_client": NotAllowed,
    "unsupported_grant_type": NotAllowed,
    "access_denied": NotAllowed,
    "invalid_target": NotAllowed,
    "invalid_grant": InvalidGrant,
    "invalid_token": InvalidGrant,
    "mfa_required": ReauthenticationNeeded,
    "login_required": ReauthenticationNeeded,
    "interaction_required": ReauthenticationNeeded,
    "consent_required": ReauthenticationNeeded,
    "unmet_authentication_requirements": ReauthenticationNeeded,
}
_BY_STATUS: Final[dict[int, type[Auth0Error]]] = {
    401: InvalidGrant,
    404: NotFound,
    409: Conflict,
    410: NotFound,
}
_LIMIT_CODES: Final = frozenset({"too_many_requests", "rate_limited", "slow_down"})
_OUTAGE_CODES: Final = frozenset({"server_error", "temporarily_unavailable"})
_SCOPE: Final = re.compile(r"(?<![a-z_])[a-z_]++(?::[a-z_]+)+")
_LATEST_RESET: Final = 4_102_444_800


def call(operation: str, send: Callable[[], Answer]) -> Answer:
    """Send, turning silence of the tenant into ``Unavailable``; other errors pass unchanged."""
    try:
        return send()
    except (RequestTimedOut, HostUnreachable) as failure:
        raise Unavailable(
            operation, detail=failure.reason, maybe_delivered=failure.maybe_delivered
        ) from failure


def done_without_words(answer: Answer) -> None:
    """A deletion is acknowledged by 202 or 204 without a body; a page in between says 200.

    Raises:
        BadAnswer: somebody answered, but not that it is done.
    """
    if answer.status not in (202, 204) or answer.body.strip():
        raise BadAnswer(answer.operation, answer.host, "does not say that it is done")


def error_of(answer: Answer) -> tuple[str, str]:
    """The error code and the words of an answer that is not 2xx, in whichever dialect.

    Raises:
        BadAnswer: the body of a 4xx names no error at all.
    """
    try:
        found = answer.fields()
        code = found.optional_text("errorCode") or found.optional_text("error")
        words = found.optional_text("error_description") or found.optional_text("message")
        words = words or found.optional_text("detail") or found.optional_text("title")
    except BadAnswer:
        if answer.status >= 500 or answer.status == 429:
            return f"http_{answer.status}", ""
        raise
    if code is None and words is None and answer.status < 500 and answer.status != 429:
        raise found.bad("error", "is missing")
    return printable(code or f"http_{answer.status}", 80), words or ""


def failure_of(answer: Answer, secrets: Iterable[str] = ()) -> Auth0Error:
    """The typed error for an answer that is not 2xx; ``secrets`` are removed from its words."""
    code, words = error_of(answer)
    detail = printable(redact_text(words, secrets))
    status, operation = answer.status, answer.operation
    if status == 429 or code in _LIMIT_CODES:
        return RateLimited(
            operation,
            code,
            detail,
            status=status,
            retry_after=answer.retry_after(),
            reset_at=reset_at(answer),
        )
    if status >= 500 or code in _OUTAGE_CODES:
        return Unavailable(operation, code, detail, status=status)
    if code == "insufficient_scope":
        return Forbidden(operation, code, detail, status=status, missing_scopes=_scopes(detail))
    kind = _BY_CODE.get(code) or _BY_STATUS.get(status)
    if kind is None and status == 403:
        return Forbidden(operation, code, detail, status=status, missing_scopes=_scopes(detail))
    return (kind or BadRequest)(operation, code, detail, status=status)


def reset_at(answer: Answer) -> datetime | None:
    """When the rate limit resets (``X-RateLimit-Reset``, epoch seconds), if the answer says."""
    value = answer.headers.get("x-ratelimit-reset", "").strip()
    if not (value.isascii() and value.isdigit() and len(value) < 12):
        return None
    return datetime.fromtimestamp(int(value), UTC) if int(value) < _LATEST_RESET else None


def _scopes(words: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(_SCOPE.findall(words.partition("expected")[2])))
