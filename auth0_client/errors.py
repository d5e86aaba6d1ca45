"""What Auth0 can answer instead of what we asked for, each with advice a person can follow."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from http_client.errors import HttpClientError


class Auth0Error(Exception):
    """The tenant answered, and the answer is no.

    ``code`` is Auth0's own error code, ``detail`` its words (one line, secrets removed),
    ``advice`` ours. ``status`` is the HTTP status, 0 where there was none.
    """

    advice: ClassVar[str] = "Look the code up in the tenant log."

    def __init__(self, operation: str, code: str, detail: str = "", *, status: int = 0) -> None:
        super().__init__(f"{operation}: {code}" + (f" ({detail})" if detail else ""))
        self.operation = operation
        self.code = code
        self.detail = detail
        self.status = status


class BadRequest(Auth0Error):
    """The request itself was not acceptable; sending it again will not help."""

    advice = "The request was not accepted as sent; the detail names the parameter."


class BadCredentials(Auth0Error):
    """The client id or secret was not accepted."""

    advice = "Check the client id and secret of this application against the tenant."


class NotAllowed(Auth0Error):
    """The application may not do this: grant type, audience or policy."""

    advice = "Enable the grant type and the API for this application in the tenant."


class InvalidGrant(Auth0Error):
    """The code, token or request id is unknown, expired, used or revoked."""

    advice = "Start again: this code or token can no longer be used."


class ReauthenticationNeeded(Auth0Error):
    """The person has to sign in again, interactively."""

    advice = "Sign in again; the tenant wants a fresh or stronger sign-in for this."


class RateLimited(Auth0Error):
    """Too many requests. ``retry_after`` in seconds and ``reset_at`` where the tenant said so."""

    advice = "Wait; the tenant's rate limit was reached."

    def __init__(
        self,
        operation: str,
        code: str = "too_many_requests",
        detail: str = "",
        *,
        status: int = 429,
        retry_after: float | None = None,
        reset_at: datetime | None = None,
    ) -> None:
        super().__init__(operation, code, detail, status=status)
        self.retry_after = retry_after
        self.reset_at = reset_at

    def wait_s(self, now: datetime) -> float | None:
        """Seconds to wait by ``Retry-After``, else until the limit resets; None if neither said.

        Auth0 sends ``Retry-After`` with some limits and ``X-RateLimit-Reset`` with all.
        """
        if self.retry_after is not None or self.reset_at is None:
            return self.retry_after
        return max(0.0, (self.reset_at - now).total_seconds())


class Unavailable(Auth0Error):
    """The tenant could not be reached or failed; ``maybe_delivered`` as in ``HttpClientError``."""

    advice = "The tenant did not answer properly; try again shortly."

    def __init__(
        self,
        operation: str,
        code: str = "unavailable",
        detail: str = "",
        *,
        status: int = 0,
        maybe_delivered: bool = True,
    ) -> None:
        super().__init__(operation, code, detail, status=status)
        self.maybe_delivered = maybe_delivered


class IssuerMismatch(Auth0Error):
    """Discovery names another issuer than the one configured (OpenID Discovery section 4.3)."""

    advice = "Set AUTH0_ISSUER to the issuer that the discovery document names."


class NotOffered(Auth0Error):
    """The discovery document does not name the endpoint that this needs."""

    advice = "The tenant's discovery document lacks this endpoint; enable the feature there."


class NotFound(Auth0Error):
    """There is no such thing at the tenant."""

    advice = "It does not exist at the tenant, or no longer."


class Conflict(Auth0Error):
    """It exists already or changed meanwhile (409)."""

    advice = "It is already there; reload and look before trying again."


class Forbidden(Auth0Error):
    """The token lacks a scope; ``missing_scopes`` as far as the tenant named them."""

    advice = "Grant the missing scope to this application for the API."

    def __init__(
        self,
        operation: str,
        code: str = "insufficient_scope",
        detail: str = "",
        *,
        status: int = 403,
        missing_scopes: tuple[str, ...] = (),
    ) -> None:
        super().__init__(operation, code, detail, status=status)
        self.missing_scopes = missing_scopes


class TokenRefused(Exception):
    """A token that must not be believed. ``code`` is stable, ``detail`` says which check failed.

    Neither repeats the token nor a claim's value.
    """

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail


#: Everything a call through this package may raise, for the places that must catch all of it.
FAILURES: tuple[type[Exception], ...] = (Auth0Error, HttpClientError, TokenRefused)
