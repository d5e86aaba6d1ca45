"""Request bodies: Auth0's OAuth endpoints take JSON and form alike."""

from __future__ import annotations

import json

from django.http import HttpRequest

from local.tenant.oauth.errors import invalid_request


def params(request: HttpRequest) -> dict[str, str]:
    """Parameters of a POST body, JSON or form.

    JSON members that are not text are re-encoded as JSON text, so that ``authorization_details``
    reads the same from both forms. Raises OAuthError 400 when the body is not a JSON object or a
    form parameter appears twice (RFC 6749 section 3.2).
    """
    if request.content_type == "application/json":
        return _json_params(request)
    doubled = [name for name, values in request.POST.lists() if len(values) > 1]
    if doubled:
        raise invalid_request(f"Parameter {doubled[0]} must not be included more than once")
    return {name: str(value) for name, value in request.POST.items()}


def _json_params(request: HttpRequest) -> dict[str, str]:
    try:
        parsed = json.loads(request.body or b"{}")
    except ValueError as error:
        raise invalid_request("Request body is not valid JSON") from error
    if not isinstance(parsed, dict):
        raise invalid_request("Request body must be a JSON object")
    return {
        name: value if isinstance(value, str) else json.dumps(value)
        for name, value in parsed.items()
        if value is not None
    }
