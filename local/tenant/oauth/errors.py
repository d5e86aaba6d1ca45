"""Errors in Auth0's Authentication API dialect: ``{error, error_description}``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.http import JsonResponse


class OAuthError(Exception):
    """An answer of the OAuth endpoints other than success.

    ``status`` is the HTTP status Auth0 gives (facts: device 403/429, CIBA 400, bad client 401);
    ``extra`` adds members to the body (``interval`` on CIBA's ``slow_down``).
    """

    def __init__(
        self,
        status: int,
        error: str,
        description: str,
        headers: Mapping[str, str] | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(f"{status} {error}: {description}")
        self.status = status
        self.error = error
        self.description = description
        self.headers = dict(headers or {})
        self.extra = dict(extra or {})

    def response(self) -> JsonResponse:
        """The JSON answer, never cached (RFC 6749 section 5.2)."""
        body = {"error": self.error, "error_description": self.description, **self.extra}
        headers = {"Cache-Control": "no-store", **self.headers}
        return JsonResponse(body, status=self.status, headers=headers)


def invalid_client(description: str = "Unauthorized") -> OAuthError:
    """401 for unknown or badly authenticated clients."""
    return OAuthError(401, "invalid_client", description)


def invalid_request(description: str) -> OAuthError:
    """400 for a request that misses or garbles a parameter."""
    return OAuthError(400, "invalid_request", description)


def invalid_grant(description: str) -> OAuthError:
    """403 for a code or refresh token that is unknown, spent, expired or revoked."""
    return OAuthError(403, "invalid_grant", description)


def unauthorized_client(description: str) -> OAuthError:
    """403 for a client that may not use the grant it asked for."""
    return OAuthError(403, "unauthorized_client", description)
