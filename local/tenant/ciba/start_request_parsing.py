"""What `POST /bc-authorize` accepts.

Source: Auth0 docs, "Start back-channel login"; OpenID CIBA Core 1.0 section 7.1. The texts of
the first three refusals are those Auth0's own SDK tests record.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from local.tenant.ciba import limits
from local.tenant.oauth.errors import OAuthError

PUSH: Final = "guardian-push"
EMAIL: Final = "email"

# Auth0 documents alphanumerics and +-_.,:# ; its own examples also contain spaces.
_BINDING = re.compile(r"[A-Za-z0-9+\-_.,:# ]+\Z")


@dataclass(frozen=True, slots=True)
class Start:
    """A well-formed request to ask a person, before anything is looked up.

    Attributes:
        sub: the person asked.
        scopes: requested scopes, in order, without repeats.
        audience: identifier of the API, empty for none.
        expiry_s: seconds the person has to answer.
        channel: `guardian-push` or `email`, chosen by `expiry_s`.
        authorization_details: the raw parameter, empty for none.
    """

    sub: str
    scopes: tuple[str, ...]
    binding_message: str
    audience: str
    expiry_s: int
    channel: str
    authorization_details: str


def read(params: Mapping[str, str], issuer: str) -> Start:
    """Check the form of a start request.

    Raises:
        OAuthError: 400 `invalid_request` or `invalid_scope`.
    """
    binding_message = _binding_message(params.get("binding_message", ""))
    scopes = tuple(dict.fromkeys(params.get("scope", "").split()))
    if "openid" not in scopes:
        raise OAuthError(400, "invalid_scope", "openid scope must be requested")
    expiry_s = _expiry(params.get("requested_expiry") or params.get("request_expiry") or "")
    return Start(
        sub=_subject(params.get("login_hint", ""), issuer),
        scopes=scopes,
        binding_message=binding_message,
        audience=params.get("audience") or params.get("resource") or "",
        expiry_s=expiry_s,
        channel=PUSH if expiry_s <= limits.PUSH_EXPIRY_MAX_S else EMAIL,
        authorization_details=params.get("authorization_details", ""),
    )


def _subject(raw: str, issuer: str) -> str:
    if not raw:
        raise _invalid("login_hint is required")
    try:
        hint = json.loads(raw)
    except (ValueError, RecursionError):
        hint = None
    if not isinstance(hint, dict):
        raise _hint("must be a JSON object with format, iss and sub")
    if hint.get("format") != "iss_sub":
        raise _hint('"format" must be "iss_sub"')
    if hint.get("iss") != issuer:
        raise _hint(f'"iss" must be "{issuer}", with its trailing slash')
    sub = hint.get("sub")
    if not isinstance(sub, str) or not re.fullmatch(r"[^\s|]+\|\S+", sub):
        raise _hint('"sub" contains unsupported format')
    return sub


def _binding_message(raw: str) -> str:
    if not raw:
        raise _invalid("binding_message is required")
    if len(raw) > limits.BINDING_MESSAGE_MAX:
        raise _invalid(f"binding_message must not exceed {limits.BINDING_MESSAGE_MAX} characters")
    if not _BINDING.match(raw):
        raise _invalid("binding_message may only contain alphanumerics and +-_.,:#")
    return raw


def _expiry(raw: str) -> int:
    if not raw:
        return limits.EXPIRY_DEFAULT_S
    in_range = raw.isascii() and raw.isdecimal() and len(raw) <= 6
    if not in_range or not limits.EXPIRY_MIN_S <= int(raw) <= limits.EXPIRY_MAX_S:
        raise _invalid(
            "requested_expiry must be a whole number of seconds from "
            f"{limits.EXPIRY_MIN_S} to {limits.EXPIRY_MAX_S}"
        )
    return int(raw)


def _hint(problem: str) -> OAuthError:
    return _invalid(f"login_hint parameter validation failed: {problem}")


def _invalid(description: str) -> OAuthError:
    return OAuthError(400, "invalid_request", description)
