"""The Token Vault grant: an Auth0 token in, a provider's access token out.

Source: Auth0 docs, "Access token exchange / Refresh token exchange with Token Vault". The three
`401` refusals carry the codes that applications report from production tenants.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from allauth.idp.oidc.models import Client
from django.http import HttpRequest, JsonResponse

from local.tenant import clock
from local.tenant.applications.clients import is_public, settings_of
from local.tenant.directory import people_and_claims
from local.tenant.models import Connection, Person
from local.tenant.oauth import refresh_tokens, token_formats
from local.tenant.oauth.errors import OAuthError, invalid_request, unauthorized_client
from local.tenant.vault import accounts, tenant_log_events
from local.tenant.vault.models import ConnectedAccount
from local.tenant.vault.providers import token_issuing
from local.tenant.vault.providers.catalog import PROVIDERS
from local.tenant.vault.providers.token_issuing import Issued

TOKEN_TYPE: Final = "http://auth0.com/oauth/token-type/federated-connection-access-token"  # noqa: S105
REFRESH_TOKEN: Final = "urn:ietf:params:oauth:token-type:refresh_token"  # noqa: S105
ACCESS_TOKEN: Final = "urn:ietf:params:oauth:token-type:access_token"  # noqa: S105
SIGNED_JWT: Final = "urn:ietf:params:oauth:token-type:jwt"


@dataclass(frozen=True, slots=True)
class Handed:
    """A provider token on its way out."""

    person: Person
    connection: Connection
    issued: Issued


def exchange(request: HttpRequest, client: Client, params: dict[str, str]) -> JsonResponse:
    """Answer one exchange and log it as `seta` or `feta`.

    Raises:
        OAuthError: 400 `invalid_request` for a wrong shape; 401 or 403 for a subject token,
            client or connection that may not be used; 401
            `federated_connection_refresh_token_not_found` without a connected account and
            `federated_connection_refresh_token_flow_failed` when the provider refuses it.
    """
    try:
        handed = _exchange(client, params)
    except OAuthError as error:
        tenant_log_events.exchange_failed(client, params, error)
        raise
    now = clock.now()
    issued = handed.issued
    tenant_log_events.exchanged(
        client,
        handed.person,
        handed.connection,
        subject_token_type=params["subject_token_type"],
        scope=" ".join(issued.scopes),
        expires_at=accounts.iso(issued.expires_at),
        thumbprint=hashlib.sha256(issued.access_token.encode()).hexdigest(),
    )
    answer = {
        "access_token": issued.access_token,
        "scope": " ".join(issued.scopes),
        "expires_in": int((issued.expires_at - now).total_seconds()),
        "issued_token_type": TOKEN_TYPE,
        "token_type": "Bearer",
    }
    return JsonResponse(answer, headers={"Cache-Control": "no-store"})


def _exchange(client: Client, params: dict[str, str]) -> Handed:
    _check_client(client)
    _check_shape(params)
    person = _subject(client, params)
    connection = _connection(client, params["connection"])
    account = accounts.pick(person.sub, connection.name, params.get("login_hint", ""))
    if account is None:
        raise OAuthError(
            401,
            "federated_connection_refresh_token_not_found",
            "Federated connection Refresh Token not found.",
        )
    return Handed(person, connection, _current(account, clock.now()))


def _check_client(client: Client) -> None:
    if is_public(client) or not settings_of(client).first_party:
        raise unauthorized_client("Token Vault needs a first-party, confidential client")


def _check_shape(params: dict[str, str]) -> None:
    for name in ("subject_token", "subject_token_type", "requested_token_type", "connection"):
        if not params.get(name):
            raise invalid_request(f"Missing required parameter: {name}")
    if params["requested_token_type"] != TOKEN_TYPE:
        raise invalid_request(f"requested_token_type must be {TOKEN_TYPE}")
    kind = params["subject_token_type"]
    if kind == SIGNED_JWT:
        raise unauthorized_client("Privileged access to Token Vault is not enabled for the client")
    if kind not in {REFRESH_TOKEN, ACCESS_TOKEN}:
        raise invalid_request(f"subject_token_type must be {REFRESH_TOKEN} or {ACCESS_TOKEN}")


def _subject(client: Client, params: dict[str, str]) -> Person:
    if params["subject_token_type"] == REFRESH_TOKEN:
        return _by_refresh_token(client, params["subject_token"])
    return _by_access_token(client, params["subject_token"])


def _by_refresh_token(client: Client, token: str) -> Person:
    if settings_of(client).rotating:
        raise unauthorized_client(
            "Refresh token rotation must be disabled for the client to use Token Vault"
        )
    row = refresh_tokens.redeem(client, token)
    row.last_exchanged_at = clock.now()
    row.save(update_fields=["last_exchanged_at"])
    person: Person = row.person
    return person


def _by_access_token(client: Client, token: str) -> Person:
    audience = settings_of(client).resource_server_identifier
    if settings_of(client).app_type != "resource_server" or not audience:
        raise unauthorized_client(
            "Access token exchange needs a Custom API Client (app_type resource_server) linked "
            "to the API of the token"
        )
    try:
        claims = token_formats.verify_access_token(token, audience=audience)
    except token_formats.TokenRefused as refused:
        raise OAuthError(401, "invalid_grant", f"Invalid subject_token: {refused}") from None
    if "authorization_details" in claims:
        raise OAuthError(
            403, "access_denied", "A token that carries authorization_details is no subject_token"
        )
    person = people_and_claims.by_sub(str(claims["sub"]))
    if person is None:
        raise OAuthError(401, "invalid_grant", "Invalid subject_token: it speaks for no user")
    return person


def _connection(client: Client, name: str) -> Connection:
    found = accounts.connection(name, client.id)
    if found is not None:
        return found
    if Connection.objects.filter(name=name).exists():
        raise OAuthError(
            401, "access_denied", "Token Vault is not enabled for the provided connection"
        )
    raise OAuthError(401, "access_denied", f"The connection {name!r} does not exist")


def _current(account: ConnectedAccount, now: datetime) -> Issued:
    """The stored provider token while it lives, else a fresh one from the provider."""
    if account.access_expires_at > now:
        scopes = tuple(account.access_scopes)
        return Issued(accounts.access_token(account), scopes, account.access_expires_at)
    provider = PROVIDERS[account.connection]
    try:
        issued = token_issuing.refresh(provider, accounts.refresh_token(account), now)
    except token_issuing.GrantRevokedError:
        raise OAuthError(
            401,
            "federated_connection_refresh_token_flow_failed",
            "Refresh Token flow for the Federated Connection failed",
        ) from None
    accounts.keep(account, issued)
    return issued
