"""Reading and checking the bodies and queries of the connected-accounts API.

Rules: Auth0 My Account OpenAPI document, `connected-accounts`; unknown members are refused.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from django.http import HttpRequest

from local.tenant.vault.connecting import Wanted
from local.tenant.vault.problems import Problem, field, query

TAKE_MAX: Final = 20
TAKE_DEFAULT: Final = 10
_AUTHORIZATION_PARAMS: Final = frozenset(
    {
        "acr_values",
        "audience",
        "resource",
        "display",
        "id_token_hint",
        "login_hint",
        "max_age",
        "prompt",
        "ui_locales",
    }
)
_CONNECT: Final = frozenset(
    {
        "connection",
        "redirect_uri",
        "state",
        "code_challenge",
        "code_challenge_method",
        "scopes",
        "authorization_params",
    }
)
_COMPLETE: Final = frozenset({"auth_session", "connect_code", "redirect_uri", "code_verifier"})
_PKCE = re.compile(r"[A-Za-z0-9._~-]{43,128}\Z")


@dataclass(frozen=True, slots=True)
class Completion:
    """The body of `POST …/complete`."""

    auth_session: str
    connect_code: str
    redirect_uri: str
    code_verifier: str


def connect(request: HttpRequest) -> Wanted:
    """The body of `POST …/connect`.

    Raises:
        Problem: 400 naming the member, 415 for anything but JSON.
    """
    body = _json(request, _CONNECT)
    params = body.get("authorization_params", {})
    if not isinstance(params, dict) or set(params) - _AUTHORIZATION_PARAMS:
        raise field("authorization_params", "holds a parameter that may not be forwarded")
    return Wanted(
        connection=_text(body, "connection", 1, 128),
        redirect_uri=_uri(body),
        scopes=_scopes(body.get("scopes")),
        state=_text(body, "state", 1, 4096, required=False),
        code_challenge=_challenge(body),
        login_hint=str(params.get("login_hint", ""))[:255],
    )


def complete(request: HttpRequest) -> Completion:
    """The body of `POST …/complete`.

    Raises:
        Problem: 400 naming the member, 415 for anything but JSON.
    """
    body = _json(request, _COMPLETE)
    verifier = _text(body, "code_verifier", 43, 128, required=False)
    return Completion(
        auth_session=_text(body, "auth_session", 1, 64),
        connect_code=_text(body, "connect_code", 1, 46),
        redirect_uri=_uri(body),
        code_verifier=verifier,
    )


def take(request: HttpRequest) -> int:
    """`take`: accounts per page, 1 to 20, default 10. Raises Problem 400."""
    raw = request.GET.get("take", str(TAKE_DEFAULT))
    if not (raw.isascii() and raw.isdecimal() and 1 <= int(raw) <= TAKE_MAX):
        raise query("take", f"must be a whole number from 1 to {TAKE_MAX}")
    return int(raw)


def names(request: HttpRequest) -> list[str]:
    """`connection`, repeated: at most 20 names. Raises Problem 400."""
    asked = request.GET.getlist("connection")
    if len(asked) > TAKE_MAX:
        raise query("connection", f"may be given at most {TAKE_MAX} times")
    return asked


def _json(request: HttpRequest, allowed: Collection[str]) -> dict[str, Any]:
    if request.content_type != "application/json":
        raise Problem(415, "Content-Type must be application/json")
    try:
        body = json.loads(request.body)
    except (ValueError, RecursionError):
        raise Problem(400, "The body is not valid JSON") from None
    if not isinstance(body, dict):
        raise Problem(400, "The body must be a JSON object")
    for name in sorted(set(body) - set(allowed)):
        raise field(name, "is not a member of this request")
    return body


def _text(body: dict[str, Any], name: str, least: int, most: int, *, required: bool = True) -> str:
    value = body.get(name)
    if value is None and not required:
        return ""
    if value is None:
        raise field(name, "is required")
    if not isinstance(value, str) or not least <= len(value) <= most:
        raise field(name, f"must be a string of {least} to {most} characters")
    return value


def _uri(body: dict[str, Any]) -> str:
    uri = _text(body, "redirect_uri", 1, 2048)
    if not urlsplit(uri).scheme:
        raise field("redirect_uri", "must be an absolute URI")
    return uri


def _challenge(body: dict[str, Any]) -> str:
    challenge = _text(body, "code_challenge", 43, 128, required=False)
    method = _text(body, "code_challenge_method", 1, 16, required=False)
    if bool(challenge) != bool(method):
        raise field("code_challenge_method", "must be given together with code_challenge")
    if challenge and method != "S256":
        raise field("code_challenge_method", "must be S256")
    if challenge and not _PKCE.match(challenge):
        raise field("code_challenge", "holds a character that base64url does not have")
    return challenge


def _scopes(raw: object) -> list[str]:
    if raw is None:
        return []
    if not isinstance(raw, list) or not 1 <= len(raw) <= 100:
        raise field("scopes", "must be an array of 1 to 100 strings")
    if not all(isinstance(item, str) and 1 <= len(item) <= 255 for item in raw):
        raise field("scopes", "must hold strings of 1 to 255 characters")
    if len(set(raw)) != len(raw):
        raise field("scopes", "must not repeat a scope")
    return raw
