"""Applications: their Auth0 settings and how they prove who they are."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from allauth.idp.oidc.models import Client
from django.http import HttpRequest

from local.tenant.applications import client_assertions
from local.tenant.oauth import request_bodies
from local.tenant.oauth.errors import OAuthError, invalid_client, unauthorized_client

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


@dataclass(frozen=True, slots=True)
class RefreshPolicy:
    """One multi-resource refresh-token policy: an API and the scopes it may be refreshed for."""

    audience: str
    scope: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ClientSettings:
    """What an Auth0 application carries beyond OAuth's own registration (seconds throughout)."""

    first_party: bool = True
    app_type: str = "regular_web"
    resource_server_identifier: str = ""
    rotating: bool = False
    rotation_leeway: int = 0
    refresh_lifetime: int = 31_557_600
    refresh_policies: tuple[RefreshPolicy, ...] = ()
    id_token_lifetime: int = 36_000
    backchannel_logout_urls: tuple[str, ...] = ()
    approval_channels: tuple[str, ...] = ()
    public_keys: tuple[str, ...] = ()


def settings_of(client: Client) -> ClientSettings:
    """The Auth0 settings of a client, with Auth0's defaults where it has none."""
    stored: dict[str, Any] = dict((client.data or {}).get("auth0", {}))
    policies = tuple(
        RefreshPolicy(policy["audience"], tuple(policy["scope"]))
        for policy in stored.pop("refresh_policies", [])
    )
    for name in ("backchannel_logout_urls", "approval_channels", "public_keys"):
        stored[name] = tuple(stored.get(name, ()))
    return ClientSettings(refresh_policies=policies, **stored)


def find(client_id: str) -> Client | None:
    """The client with this id."""
    return Client.objects.filter(id=client_id).first()


def is_public(client: Client) -> bool:
    """Whether the client has no secret (native and browser applications)."""
    return bool(client.type == Client.Type.PUBLIC)


def authenticate(request: HttpRequest) -> Client:
    """The client that sent ``request``, by secret (post or Basic), private_key_jwt or none.

    JSON and form bodies alike. Raises OAuthError: 401 ``invalid_client`` for an unknown client or
    bad proof, 400 ``invalid_request`` for a missing client_id or two methods at once.
    """
    params = request_bodies.params(request)
    basic = _basic(request)
    if basic and ("client_secret" in params or "client_assertion" in params):
        raise OAuthError(400, "invalid_request", "Use one client authentication method only")
    if "client_assertion" in params:
        return _by_assertion(params)
    client_id, secret = basic or (params.get("client_id", ""), params.get("client_secret", ""))
    if not client_id:
        raise OAuthError(400, "invalid_request", "Missing required parameter: client_id")
    client = find(client_id)
    if client is None:
        raise invalid_client("Unknown client")
    if is_public(client) and not secret:
        return client
    if not secret or not client.check_secret(secret):
        raise invalid_client()
    return client


def require_grant(client: Client, grant_type: str) -> None:
    """Raise 403 ``unauthorized_client`` unless the client has this grant type enabled."""
    if grant_type not in client.get_grant_types():
        raise unauthorized_client(f"Grant type '{grant_type}' not allowed for the client.")


def _basic(request: HttpRequest) -> tuple[str, str] | None:
    scheme, _, encoded = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        user, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError) as error:
        raise invalid_client("Malformed Basic authorization") from error
    return unquote(user), unquote(password)


def _by_assertion(params: dict[str, str]) -> Client:
    if params.get("client_assertion_type") != ASSERTION_TYPE:
        raise OAuthError(400, "invalid_request", f"client_assertion_type must be {ASSERTION_TYPE}")
    claimed = client_assertions.claimed_issuer(params["client_assertion"])
    client = find(claimed)
    if client is None:
        raise invalid_client("Unknown client")
    if params.get("client_id", client.id) != client.id:
        raise invalid_client("client_id does not match the assertion")
    client_assertions.verify(params["client_assertion"], client.id, settings_of(client).public_keys)
    return client
