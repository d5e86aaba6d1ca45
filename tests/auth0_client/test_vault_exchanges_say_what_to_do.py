"""Token Vault: the exchange, and the advice behind each refusal."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from auth0_client.errors import (
    Auth0Error,
    BadCredentials,
    BadRequest,
    RateLimited,
    ReauthenticationNeeded,
    Unavailable,
)
from auth0_client.token_vault import NotEnabled, NotLinked, ReconnectRequired, SubjectExpired
from http_client import BadAnswer
from tests.auth0_client.pretended_tenant import (
    World,
    error,
)


def test_an_exchange_speaks_auth0s_own_grant_as_the_vault_client(world: World) -> None:
    world.token.respond(
        json={
            "access_token": "gho-secret-1",
            "scope": "repo,read:org user",
            "expires_in": 1377,
            "token_type": "Bearer",
            "issued_token_type": (
                "http://auth0.com/oauth/token-type/federated-connection-access-token"
            ),
        }
    )
    token = world.auth0.vault.exchange_access_token("caller-token", "github", "gh-77")
    assert world.sent(world.token) == {
        "grant_type": (
            "urn:auth0:params:oauth:grant-type:token-exchange:federated-connection-access-token"
        ),
        "subject_token": "caller-token",
        "subject_token_type": "urn:ietf:params:oauth:token-type:access_token",
        "requested_token_type": (
            "http://auth0.com/oauth/token-type/federated-connection-access-token"
        ),
        "connection": "github",
        "login_hint": "gh-77",
        "client_id": "ata-vault",
        "client_secret": "vault-secret-0001",
    }
    assert token.scope == {"repo", "read:org", "user"}
    assert token.expires_in == 1377
    assert token.thumbprint == hashlib.sha256(b"gho-secret-1").hexdigest()
    assert "gho-secret-1" not in repr(token)


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (401, error("federated_connection_refresh_token_not_found"), NotLinked),
        (403, error("tokenset_not_found"), NotLinked),
        (401, error("federated_connection_refresh_token_flow_failed"), ReconnectRequired),
        (401, error("invalid_grant", "expired"), SubjectExpired),
        (400, error("invalid_request", "The subject token is expired"), SubjectExpired),
        (
            400,
            error("invalid_request", "Token Vault is not enabled for the provided connection"),
            NotEnabled,
        ),
        (403, error("unauthorized_client"), NotEnabled),
        (403, error("access_denied"), NotEnabled),
        (403, error("unsupported_grant_type"), NotEnabled),
        (401, error("invalid_client"), BadCredentials),
        (403, error("mfa_required"), ReauthenticationNeeded),
        (429, error("access_denied", "too many"), RateLimited),
        (500, error("server_error"), Unavailable),
        (504, {}, Unavailable),
        (400, error("invalid_request", "connection is required"), BadRequest),
    ],
)
def test_a_refused_exchange_says_what_to_do(
    world: World, status: int, body: Any, kind: type[Auth0Error]
) -> None:
    world.token.respond(status, json=body)
    with pytest.raises(kind) as caught:
        world.auth0.vault.exchange_access_token("caller-token", "github")
    assert type(caught.value) is kind
    assert caught.value.advice


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "access_token"),
        ({"access_token": ["x"]}, "access_token"),
        ({"access_token": "x", "expires_in": "1"}, "expires_in"),
        ({"access_token": "x", "scope": {"a": 1}}, "scope"),
        ({"access_token": "x", "issued_token_type": "other"}, "issued_token_type"),
    ],
)
def test_a_bent_exchange_answer_is_named_by_field(world: World, body: Any, field: str) -> None:
    world.token.respond(json=body)
    with pytest.raises(BadAnswer) as caught:
        world.auth0.vault.exchange_access_token("caller-token", "github")
    assert caught.value.field == field
