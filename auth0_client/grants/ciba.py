"""Asking a person on their own device: OpenID Connect CIBA Core 1.0, poll mode, with RFC 9396.

Auth0 answers a denial and an expiry alike; telling them apart is the caller's, by its own clock.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from auth0_client.config import Client
from auth0_client.errors import Auth0Error, BadRequest
from auth0_client.grants.poll_results import (
    DEFAULT_INTERVAL_S,
    Expired,
    Lost,
    Pending,
    SlowDown,
    slow_down,
)
from auth0_client.oauth_form_post import Endpoints, Reply
from auth0_client.tokens.token_response import Tokens, read_tokens
from http_client.json_fields import Fields

GRANT: Final = "urn:openid:params:grant-type:ciba"
LONGEST_EXPIRY_S: Final = 259_200
_BINDING: Final = re.compile(r"[A-Za-z0-9 +\-_.,:#]{1,64}")
_ENROLMENT: Final = re.compile(
    r"enrol|push|notification|guardian|mfa|authenticator|e-?mail (?:is )?not verified|unverified",
    re.IGNORECASE,
)
_ABOUT_THE_PERSON: Final = frozenset({"invalid_request", "access_denied", "unknown_user_id"})


class NotEnrolled(Auth0Error):
    """This person has no device or verified address to be asked on."""

    advice = "Enrol the person in push notifications at the tenant, or ask someone else."


@dataclass(frozen=True, slots=True)
class Started:
    """The person is being asked. ``auth_req_id`` is a bearer secret: never log or show it."""

    auth_req_id: str = field(repr=False)
    expires_in: int
    interval: int


@dataclass(frozen=True, slots=True)
class Approved:
    """The person agreed. This answer comes once; the tokens carry the proof."""

    tokens: Tokens


@dataclass(frozen=True, slots=True)
class Refused:
    """``access_denied``: denied, or expired. By the time since the start the caller decides."""

    detail: str


type CibaPoll = Pending | SlowDown | Approved | Refused | Expired | Lost


class Ciba:
    """Backchannel authentication requests of one confidential client."""

    def __init__(self, client: Client, endpoints: Endpoints) -> None:
        self._client = client
        self._endpoints = endpoints

    def start(
        self,
        subject: str,
        binding_message: str,
        *,
        scope: str = "openid",
        audience: str | None = None,
        requested_expiry: int | None = None,
        authorization_details: Sequence[Mapping[str, object]] = (),
    ) -> Started:
        """Ask the person ``subject`` (their ``sub``) to approve.

        ``requested_expiry`` is seconds, 1 to 259,200; up to 300 Auth0 pushes, above it mails.

        Raises:
            ValueError: a message, scope or expiry that the tenant would refuse; nothing is sent.
            NotEnrolled, NotAllowed, BadCredentials, BadRequest, RateLimited: each with advice.
            Unavailable: no answer; the person may nevertheless be being asked.
        """
        _check(binding_message, scope, requested_expiry)
        hint = {"format": "iss_sub", "iss": self._endpoints.issuer, "sub": subject}
        details = list(authorization_details)
        reply = self._endpoints.post(
            "ciba.start",
            "backchannel_authentication_endpoint",
            {
                "login_hint": _json(hint),
                "binding_message": binding_message,
                "scope": scope,
                "audience": audience,
                "requested_expiry": None if requested_expiry is None else str(requested_expiry),
                "authorization_details": _json(details) if details else None,
            },
            self._client,
        )
        return _read_start(reply)

    def poll(self, auth_req_id: str, *, interval: int = DEFAULT_INTERVAL_S) -> CibaPoll:
        """Ask once whether the person has answered.

        An ``Approved`` is given once. If this raises ``Unavailable`` with ``maybe_delivered``, or
        ``BadAnswer``, that one answer may be gone: the next poll then says ``Lost``.

        Raises:
            RateLimited, Unavailable: ask again later. Auth0Error, HttpClientError: give up.
        """
        reply = self._endpoints.post(
            "ciba.poll",
            "token_endpoint",
            {"grant_type": GRANT, "auth_req_id": auth_req_id},
            self._client,
        )
        match reply.error:
            case None:
                return Approved(read_tokens(reply.fields()))
            case "authorization_pending":
                return Pending(interval)
            case "slow_down":
                return slow_down(reply, interval)
            case "access_denied":
                return Refused(reply.words)
            case "expired_token":
                return Expired()
            case "invalid_grant":
                return Lost(reply.words)
        raise reply.failure()

    def take_back(self, auth_req_id: str) -> None:
        """Ask the tenant to drop a request whose answer no longer counts (RFC 7009).

        Neither CIBA nor Auth0 documents this for an ``auth_req_id``: a tenant that does not know it
        answers as for any unknown token, and the next ``poll`` tells whether it was dropped.

        Raises:
            Auth0Error, HttpClientError: it was not asked, or refuses.
        """
        reply = self._endpoints.post(
            "ciba.take_back",
            "revocation_endpoint",
            {"token": auth_req_id, "token_type_hint": "auth_req_id"},
            self._client,
        )
        if reply.error is not None:
            raise reply.failure()


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _check(binding_message: str, scope: str, requested_expiry: int | None) -> None:
    if not _BINDING.fullmatch(binding_message):
        raise ValueError(
            "binding_message must be 1 to 64 of letters, digits, space and + - _ . , : #"
        )
    if "openid" not in scope.split():
        raise ValueError("scope must contain openid")
    if requested_expiry is not None and not 1 <= requested_expiry <= LONGEST_EXPIRY_S:
        raise ValueError(f"requested_expiry must be 1 to {LONGEST_EXPIRY_S} seconds")


def _read_start(reply: Reply) -> Started:
    if reply.error is not None:
        raise _start_failure(reply)
    found = reply.fields()
    return Started(
        auth_req_id=found.text("auth_req_id"),
        expires_in=found.integer("expires_in", low=1),
        interval=_interval(found),
    )


def _start_failure(reply: Reply) -> Auth0Error:
    code, status = reply.error or "", reply.answer.status
    if code == "unknown_user_id" or (code in _ABOUT_THE_PERSON and _ENROLMENT.search(reply.words)):
        return NotEnrolled("ciba.start", code, reply.words, status=status)
    if code.startswith("invalid_") and code not in ("invalid_client", "invalid_grant"):
        return BadRequest("ciba.start", code, reply.words, status=status)
    return reply.failure()


def _interval(found: Fields) -> int:
    """Seconds between polls; 0 is legal and means as often as we like (CIBA Core 7.3)."""
    said = found.optional_integer("interval", low=0, high=600)
    return DEFAULT_INTERVAL_S if said is None else said
