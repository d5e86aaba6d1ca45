"""The device authorization grant (RFC 8628) as Auth0 speaks it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from auth0_client.config import Client
from auth0_client.grants.poll_results import (
    DEFAULT_INTERVAL_S,
    Expired,
    Lost,
    Pending,
    SlowDown,
    slow_down,
)
from auth0_client.oauth_form_post import Endpoints
from auth0_client.tokens.token_response import Tokens, read_tokens

GRANT: Final = "urn:ietf:params:oauth:grant-type:device_code"


@dataclass(frozen=True, slots=True)
class DeviceStarted:
    """Show ``user_code`` and where to type it; poll with ``device_code``. Times in seconds."""

    device_code: str = field(repr=False)
    user_code: str
    verification_uri: str
    verification_uri_complete: str | None
    expires_in: int
    interval: int


@dataclass(frozen=True, slots=True)
class Granted:
    """The person agreed."""

    tokens: Tokens


@dataclass(frozen=True, slots=True)
class Denied:
    """The person, or a rule of the tenant, said no."""

    detail: str


type DevicePoll = Pending | SlowDown | Granted | Denied | Expired | Lost


class DeviceFlow:
    """The device grant for one public client."""

    def __init__(self, client: Client, endpoints: Endpoints) -> None:
        self._client = client
        self._endpoints = endpoints

    def start(self, *, scope: str, audience: str | None = None) -> DeviceStarted:
        """Ask for a device and a user code.

        Raises:
            NotAllowed: the grant is not enabled for this client. Auth0Error, HttpClientError.
        """
        reply = self._endpoints.post(
            "device.start",
            "device_authorization_endpoint",
            {"scope": scope, "audience": audience},
            self._client,
        )
        if reply.error is not None:
            raise reply.failure()
        found = reply.fields()
        return DeviceStarted(
            device_code=found.text("device_code", limit=4096),
            user_code=found.text("user_code", limit=64),
            verification_uri=found.text("verification_uri", limit=2048),
            verification_uri_complete=found.optional_text("verification_uri_complete", limit=2048),
            expires_in=found.integer("expires_in", low=1),
            interval=found.optional_integer("interval", low=1, high=600) or DEFAULT_INTERVAL_S,
        )

    def poll(self, device_code: str, *, interval: int = DEFAULT_INTERVAL_S) -> DevicePoll:
        """Ask once whether the person has answered. ``Expired`` comes once, then ``Lost``.

        Raises:
            RateLimited, Unavailable: ask again later. Auth0Error, HttpClientError: give up.
        """
        reply = self._endpoints.post(
            "device.poll",
            "token_endpoint",
            {"grant_type": GRANT, "device_code": device_code},
            self._client,
        )
        match reply.error:
            case None:
                return Granted(read_tokens(reply.fields()))
            case "authorization_pending":
                return Pending(interval)
            case "slow_down":
                return slow_down(reply, interval)
            case "access_denied":
                return Denied(reply.words)
            case "expired_token":
                return Expired()
            case "invalid_grant":
                return Lost(reply.words)
        raise reply.failure()
