"""Sign-in and tokens: the authorization code flow, refresh, revocation, client credentials.

RFC 6749, RFC 7009, RFC 7636; OpenID Connect Core 1.0 section 3.1, RP-Initiated Logout 1.0.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlencode, urlsplit

from auth0_client.cache import Clock
from auth0_client.config import Client
from auth0_client.discovery import Discovery
from auth0_client.grants.pkce_state_nonce import Pkce, one_time_value
from auth0_client.oauth_form_post import Endpoints
from auth0_client.tokens.token_response import Tokens, read_tokens

_EARLY_S: Final = 60.0
_UNSAID_LIFETIME_S: Final = 300


@dataclass(frozen=True, slots=True)
class Authorization:
    """A prepared sign-in: where to send the browser, and what to keep for its return."""

    url: str = field(repr=False)
    state: str = field(repr=False)
    nonce: str = field(repr=False)
    code_verifier: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class _Held:
    token: str = field(repr=False)
    good_until: float


class OAuth:
    """The grants of one client; ``client_credentials`` tokens are kept in memory until near expiry.

    Thread-safe.
    """

    def __init__(
        self, client: Client, discovery: Discovery, endpoints: Endpoints, clock: Clock
    ) -> None:
        self._client = client
        self._discovery = discovery
        self._endpoints = endpoints
        self._clock = clock
        self._lock = threading.Lock()
        self._held: dict[tuple[str, str], _Held] = {}

    def begin(
        self,
        redirect_uri: str,
        *,
        scope: str = "openid profile email",
        audience: str | None = None,
        prompt: str | None = None,
        max_age: int | None = None,
        acr_values: str | None = None,
        login_hint: str | None = None,
        connection: str | None = None,
    ) -> Authorization:
        """Prepare an authorization request with fresh state, nonce and PKCE S256.

        ``max_age`` is seconds; 0 forces a new sign-in.
        """
        pkce, state, nonce = Pkce.create(), one_time_value(), one_time_value()
        asked = {
            "response_type": "code",
            "client_id": self._client.client_id,
            "redirect_uri": redirect_uri,
            "scope": scope,
            "state": state,
            "nonce": nonce,
            "code_challenge": pkce.challenge,
            "code_challenge_method": "S256",
            "audience": audience,
            "prompt": prompt,
            "max_age": None if max_age is None else str(max_age),
            "acr_values": acr_values,
            "login_hint": login_hint,
            "connection": connection,
        }
        url = with_query(
            self._discovery.document().authorization_endpoint,
            [(name, value) for name, value in asked.items() if value is not None],
        )
        return Authorization(url, state, nonce, pkce.verifier)

    def exchange_code(self, code: str, *, code_verifier: str, redirect_uri: str) -> Tokens:
        """Redeem an authorization code; it works once.

        Raises:
            InvalidGrant: unknown, expired or used code, or the wrong verifier.
            Auth0Error, HttpClientError: as everywhere.
        """
        return self._grant(
            "oauth.code",
            {
                "grant_type": "authorization_code",
                "code": code,
                "code_verifier": code_verifier,
                "redirect_uri": redirect_uri,
            },
        )

    def refresh(
        self, refresh_token: str, *, audience: str | None = None, scope: str | None = None
    ) -> Tokens:
        """Redeem a refresh token; with ``audience`` for another API (check what comes back).

        Raises:
            InvalidGrant: expired, revoked or reused. ReauthenticationNeeded: sign in again.
        """
        return self._grant(
            "oauth.refresh",
            {
                "grant_type": "refresh_token",
                "refresh_token": refresh_token,
                "audience": audience,
                "scope": scope,
            },
        )

    def revoke(self, refresh_token: str) -> None:
        """Revoke a refresh token (RFC 7009); an unknown one is as good as revoked."""
        reply = self._endpoints.post(
            "oauth.revoke",
            "revocation_endpoint",
            {"token": refresh_token, "token_type_hint": "refresh_token"},
            self._client,
        )
        if reply.error is not None and reply.error != "invalid_grant":
            raise reply.failure()

    def client_credentials(self, audience: str, *, scope: str = "") -> str:
        """An access token of this client for ``audience``, from memory while it is good."""
        key = (audience, scope)
        with self._lock:
            held = self._held.get(key)
            now = self._clock()
            if held is not None and now < held.good_until:
                return held.token
            tokens = self._grant(
                "oauth.client_credentials",
                {
                    "grant_type": "client_credentials",
                    "audience": audience,
                    "scope": scope or None,
                },
            )
            lifetime = tokens.expires_in if tokens.expires_in is not None else _UNSAID_LIFETIME_S
            early = min(_EARLY_S, lifetime / 2)
            self._held[key] = _Held(tokens.access_token, now + lifetime - early)
            return tokens.access_token

    def forget(self, token: str) -> None:
        """Drop a kept token that an API no longer accepts."""
        with self._lock:
            self._held = {key: held for key, held in self._held.items() if held.token != token}

    def end_session_url(
        self, post_logout_redirect_uri: str, *, sid: str | None = None, state: str | None = None
    ) -> str | None:
        """Where to send the browser to end the tenant's session; None if it offers no such place.

        The session is named by ``sid`` (``logout_hint``): no ID token goes into a URL.
        """
        endpoint = self._discovery.document().end_session_endpoint
        if endpoint is None:
            return None
        asked = {
            "client_id": self._client.client_id,
            "post_logout_redirect_uri": post_logout_redirect_uri,
            "logout_hint": sid,
            "state": state,
        }
        return with_query(endpoint, [(n, value) for n, value in asked.items() if value is not None])

    def _grant(self, operation: str, fields: dict[str, str | None]) -> Tokens:
        reply = self._endpoints.post(operation, "token_endpoint", fields, self._client)
        if reply.error is not None:
            raise reply.failure()
        return read_tokens(reply.fields())


def with_query(url: str, pairs: Sequence[tuple[str, str]]) -> str:
    """``url`` with ``pairs`` added to whatever query it has."""
    joint = "&" if urlsplit(url).query else "?"
    return f"{url.rstrip('?&')}{joint}{urlencode(pairs)}"
