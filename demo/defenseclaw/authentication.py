"""Who may call: the token first, then the CSRF rules, each refusal with DefenseClaw's words.

Source: ``tokenAuth`` and ``apiCSRFProtect`` in DefenseClaw ``internal/gateway/api.go``.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from email.message import Message
from http import HTTPStatus
from urllib.parse import urlsplit

_OPEN = {("GET", "/health"), ("GET", "/")}
_LOCAL_HOSTS = ("127.0.0.1", "localhost", "::1")


type Headers = Message[str, str]


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a call is turned away: status, error text, and the short word for the audit row."""

    status: HTTPStatus
    error: str
    reason: str


STAGING_FORM = ("POST", "/demo/stage")
_NOT_FROM_PAGE = Refusal(
    HTTPStatus.FORBIDDEN, "only the page of this gateway may post here", "origin_blocked"
)


def refusal(method: str, path: str, headers: Headers, expected_token: str) -> Refusal | None:
    """Return why the call is refused, or None if it may come in.

    An empty ``expected_token`` means none is configured, and everything but ``GET /health``
    (and the human page) fails closed.
    """
    if (method, path) in _OPEN:
        return None
    if (method, path) == STAGING_FORM:
        return None if _from_own_page(headers) else _NOT_FROM_PAGE
    return _token_refusal(headers, expected_token) or _csrf_refusal(method, headers)


def _from_own_page(headers: Headers) -> bool:
    """Whether a form of our own page on this machine was posted; a browser always says so."""
    host = headers.get("Host", "")
    own = headers.get("Origin", "") == f"http://{host}"
    return own and _is_local(f"http://{host}") and headers.get("Sec-Fetch-Site") != "cross-site"


def _token_refusal(headers: Headers, expected: str) -> Refusal | None:
    if not expected:
        return Refusal(
            HTTPStatus.SERVICE_UNAVAILABLE,
            "sidecar misconfigured: no gateway token",
            "no_token_configured",
        )
    presented = _presented_token(headers)
    if not presented:
        return Refusal(HTTPStatus.UNAUTHORIZED, "unauthorized", "missing_token")
    if not _same(presented, expected):
        return Refusal(HTTPStatus.UNAUTHORIZED, "unauthorized", "invalid_token")
    return None


def _presented_token(headers: Headers) -> str:
    authorization = headers.get("Authorization", "")
    if authorization.startswith("Bearer "):
        return authorization.removeprefix("Bearer ")
    own = headers.get("X-DefenseClaw-Token", "")
    if own:
        return own
    short = headers.get("X-DC-Auth", "")
    return short.removeprefix("Bearer ") if short.startswith("Bearer ") else ""


def _same(one: str, other: str) -> bool:
    """Compare in constant time, without telling the length of either."""
    return hmac.compare_digest(
        hashlib.sha256(one.encode()).digest(), hashlib.sha256(other.encode()).digest()
    )


def _csrf_refusal(method: str, headers: Headers) -> Refusal | None:
    if method in ("GET", "HEAD"):
        return None
    if headers.get("Sec-Fetch-Site", "none") not in ("", "same-origin", "none"):
        return Refusal(
            HTTPStatus.FORBIDDEN, "cross-site request rejected", "sec_fetch_site_rejected"
        )
    if not headers.get("X-DefenseClaw-Client", ""):
        return Refusal(HTTPStatus.FORBIDDEN, "missing X-DefenseClaw-Client header", "csrf_mismatch")
    if method == "OPTIONS":
        return None
    if "application/json" not in headers.get("Content-Type", ""):
        return Refusal(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            "Content-Type must be application/json",
            "bad_content_type",
        )
    origin = headers.get("Origin", "")
    if origin and not _is_local(origin):
        return Refusal(HTTPStatus.FORBIDDEN, "non-localhost Origin rejected", "origin_blocked")
    return None


def _is_local(origin: str) -> bool:
    try:
        return urlsplit(origin).hostname in _LOCAL_HOSTS
    except ValueError:
        return False
