"""The Management API's manners: bearer scopes, its error body, its rate-limit headers."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping
from functools import wraps
from http import HTTPStatus
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt

from local.tenant.applications import apis
from local.tenant.env import env
from local.tenant.oauth import token_formats
from local.tenant.tenant_log import log_events

View = Callable[..., HttpResponse]


class ManagementError(Exception):
    """An error in the Management API's dialect (facts auth0-wire section 6.2)."""

    def __init__(self, status: int, message: str, code: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code

    def response(self) -> JsonResponse:
        """``{statusCode, error, message, errorCode}``."""
        body = {
            "statusCode": self.status,
            "error": HTTPStatus(self.status).phrase,
            "message": self.message,
            "errorCode": self.code,
        }
        return JsonResponse(body, status=self.status)


def not_found(what: str, code: str) -> ManagementError:
    """404 for a thing that does not exist."""
    return ManagementError(404, f"The {what} does not exist.", code)


class Bucket:
    """A token bucket: ``burst`` calls at once, refilled at ``rate`` a second."""

    def __init__(self, burst: int, rate: float) -> None:
        self.burst = burst
        self.rate = rate
        self._lock = threading.Lock()
        self._left = float(burst)
        self._at = time.monotonic()

    def take(self) -> tuple[bool, int, int]:
        """Take one call: (allowed, calls remaining, seconds until the bucket is full)."""
        with self._lock:
            now = time.monotonic()
            self._left = min(self.burst, self._left + (now - self._at) * self.rate)
            self._at = now
            allowed = self._left >= 1
            if allowed:
                self._left -= 1
            return allowed, int(self._left), round((self.burst - self._left) / self.rate)


_bucket = Bucket(env().tenant_mgmt_burst, env().tenant_mgmt_rate)


def resource(**views: tuple[View, str]) -> View:
    """One address: for each HTTP method, the view and the scope it needs.

    Scopes separated by spaces are all needed; of alternatives separated by ``|``, one is. The
    returned view checks rate, token and scope in that order, as Auth0 does.
    """

    @csrf_exempt
    def dispatch(request: HttpRequest, **arguments: str) -> HttpResponse:
        allowed, remaining, full_in = _bucket.take()
        try:
            if not allowed:
                log_events.write("api_limit", description="Global limit has been reached")
                raise ManagementError(429, "Global limit has been reached", "too_many_requests")
            view, scope = _view_of(request, views)
            _require_scope(_claims(request), scope)
            response = view(request, **arguments)
        except ManagementError as error:
            response = error.response()
        return _with_limits(response, remaining, full_in)

    return wraps(next(iter(views.values()))[0])(dispatch)


def unknown(request: HttpRequest, **_: str) -> HttpResponse:
    """404 in JSON for addresses below ``/api/v2/`` that this tenant does not serve."""
    return ManagementError(404, f"Not Found: {request.path}", "not_found").response()


def body_of(request: HttpRequest) -> dict[str, Any]:
    """The JSON object in the body; an empty body is an empty object. Raises 400."""
    try:
        parsed = json.loads(request.body or b"{}")
    except ValueError as error:
        raise ManagementError(400, "Payload is not valid JSON", "invalid_body") from error
    if not isinstance(parsed, dict):
        raise ManagementError(400, "Payload must be a JSON object", "invalid_body")
    return parsed


def _view_of(request: HttpRequest, views: Mapping[str, tuple[View, str]]) -> tuple[View, str]:
    method = (request.method or "").lower()
    if method not in views:
        raise ManagementError(
            405, f"Use {', '.join(sorted(name.upper() for name in views))}", "method_not_allowed"
        )
    return views[method]


def _claims(request: HttpRequest) -> dict[str, Any]:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise ManagementError(401, "Missing authentication", "missing_authentication")
    try:
        return token_formats.verify_access_token(token.strip(), audience=apis.management_audience())
    except token_formats.TokenRefused as refusal:
        raise ManagementError(401, str(refusal), "invalid_token") from refusal


def _require_scope(claims: Mapping[str, Any], scope: str) -> None:
    held = set(str(claims.get("scope", "")).split())
    alternatives = scope.split("|")
    if not any(set(needed.split()) <= held for needed in alternatives):
        wanted = scope.replace("|", ",").replace(" ", ",")
        raise ManagementError(
            403, f"Insufficient scope, expected any of: {wanted}", "insufficient_scope"
        )


def _with_limits(response: HttpResponse, remaining: int, full_in: int) -> HttpResponse:
    response["X-RateLimit-Limit"] = str(_bucket.burst)
    response["X-RateLimit-Remaining"] = str(remaining)
    response["X-RateLimit-Reset"] = str(int(time.time()) + full_in)
    if response.status_code == 429:
        response["Retry-After"] = str(max(1, round(1 / _bucket.rate)))
    return response
