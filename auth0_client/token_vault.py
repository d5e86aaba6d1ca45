"""Token Vault: a caller's access token against the provider token of one of their connections.

The grant is Auth0's own; its name starts with ``urn:auth0:``, its token types do not.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from typing import Final

from auth0_client.config import Client
from auth0_client.errors import Auth0Error, InvalidGrant
from auth0_client.oauth_form_post import Endpoints, Reply

GRANT: Final = "urn:auth0:params:oauth:grant-type:token-exchange:federated-connection-access-token"
SUBJECT_TYPE: Final = "urn:ietf:params:oauth:token-type:access_token"
REQUESTED_TYPE: Final = "http://auth0.com/oauth/token-type/federated-connection-access-token"

_NOT_LINKED: Final = frozenset(
    {"federated_connection_refresh_token_not_found", "tokenset_not_found"}
)
_NOT_ENABLED_WORDS: Final = re.compile(r"token vault is not enabled", re.IGNORECASE)
_SUBJECT_WORDS: Final = re.compile(r"subject[ _]token", re.IGNORECASE)
_NOT_ENABLED_CODES: Final = frozenset(
    {"unauthorized_client", "access_denied", "unsupported_grant_type", "invalid_target"}
)


class NotLinked(Auth0Error):
    """The person has not connected this account; having signed in with it is not enough."""

    advice = "Connect the account first; signing in with it does not connect it."


class ReconnectRequired(Auth0Error):
    """The provider no longer honours the stored grant."""

    advice = "Connect the account again; the provider withdrew or expired the old grant."


class SubjectExpired(InvalidGrant):
    """The caller's own access token is expired, revoked or not for this API."""

    advice = "Sign in again (`ata login`); the session that this token came from is over."


class NotEnabled(Auth0Error):
    """The tenant does not let this client exchange tokens for this connection."""

    advice = "Enable Token Vault for the connection and link the Custom API Client to the API."


@dataclass(frozen=True, slots=True)
class VaultToken:
    """A provider's access token, to be handed on and forgotten.

    ``expires_in`` is what is left of its life in seconds, None if unknown. ``thumbprint`` is the
    hex SHA-256 of the token: what may be recorded about it.
    """

    access_token: str = field(repr=False)
    token_type: str
    scope: frozenset[str]
    expires_in: int | None
    thumbprint: str


class Vault:
    """The access-token exchange of the Custom API Client."""

    def __init__(self, client: Client, endpoints: Endpoints) -> None:
        self._client = client
        self._endpoints = endpoints

    def exchange_access_token(
        self, subject_token: str, connection: str, login_hint: str | None = None
    ) -> VaultToken:
        """The provider token of ``connection`` for the person whose ``subject_token`` this is.

        ``login_hint`` is the provider's user id where several accounts of one are connected.

        Raises:
            NotLinked, ReconnectRequired, SubjectExpired, NotEnabled, ReauthenticationNeeded,
            BadCredentials, RateLimited, Unavailable: each with advice.
            HttpClientError: as everywhere.
        """
        reply = self._endpoints.post(
            "vault.exchange",
            "token_endpoint",
            {
                "grant_type": GRANT,
                "subject_token": subject_token,
                "subject_token_type": SUBJECT_TYPE,
                "requested_token_type": REQUESTED_TYPE,
                "connection": connection,
                "login_hint": login_hint,
            },
            self._client,
        )
        if reply.error is not None:
            raise _failure(reply)
        found = reply.fields()
        issued = found.optional_text("issued_token_type", limit=256)
        if issued not in (None, REQUESTED_TYPE):
            raise found.bad("issued_token_type", "is not the type that was asked for")
        token = found.text("access_token", limit=64_000)
        return VaultToken(
            access_token=token,
            token_type=found.optional_text("token_type", limit=32) or "Bearer",
            # GitHub and Slack separate scopes by commas, RFC 6749 by spaces.
            scope=frozenset((found.optional_text("scope") or "").replace(",", " ").split()),
            expires_in=found.optional_integer("expires_in"),
            thumbprint=hashlib.sha256(token.encode()).hexdigest(),
        )


def _failure(reply: Reply) -> Auth0Error:
    code, words = reply.error or "", reply.words
    kind: type[Auth0Error] | None = None
    if code in _NOT_LINKED:
        kind = NotLinked
    elif code == "federated_connection_refresh_token_flow_failed":
        kind = ReconnectRequired
    elif _NOT_ENABLED_WORDS.search(words) or code in _NOT_ENABLED_CODES:
        kind = NotEnabled
    elif code in ("invalid_grant", "invalid_token") or _SUBJECT_WORDS.search(words):
        kind = SubjectExpired
    if kind is None or reply.answer.status in (429, 500, 502, 503, 504):
        return reply.failure()
    return kind("vault.exchange", code, words, status=reply.answer.status)
