"""How stored things look in the Management API (facts auth0-wire sections 6.3)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from allauth.idp.oidc.models import Client

from local.tenant.applications.clients import settings_of
from local.tenant.directory import people_and_claims
from local.tenant.models import (
    ClientGrant,
    Connection,
    ConsentGrant,
    LoginSession,
    Person,
    RefreshToken,
    ResourceServer,
    Role,
)


def moment(value: datetime | None) -> str | None:
    """A time as Auth0 writes it: UTC with milliseconds."""
    if value is None:
        return None
    return value.strftime("%Y-%m-%dT%H:%M:%S.") + f"{value.microsecond // 1000:03d}Z"


def user(person: Person) -> dict[str, Any]:
    """A user."""
    provider, _, identifier = person.sub.partition("|")
    body = {
        "user_id": person.sub,
        "email": person.email,
        "email_verified": person.email_verified,
        "name": person.name,
        "given_name": person.given_name,
        "family_name": person.family_name,
        "nickname": person.email.partition("@")[0],
        "picture": people_and_claims.picture(person),
        "identities": [
            {
                "connection": "Username-Password-Authentication",
                "provider": provider,
                "user_id": identifier,
                "isSocial": False,
            }
        ],
        "app_metadata": person.app_metadata,
        "user_metadata": person.user_metadata,
        "created_at": moment(person.created_at),
        "updated_at": moment(person.updated_at),
        "last_login": moment(person.last_login),
        "logins_count": person.logins_count,
        "blocked": person.blocked,
    }
    return {name: value for name, value in body.items() if value is not None}


def role(row: Role) -> dict[str, Any]:
    """A role."""
    return {"id": row.id, "name": row.name, "description": row.description}


def session(row: LoginSession) -> dict[str, Any]:
    """A session; ``id`` is the ``sid`` of its ID tokens."""
    method = {"name": "mfa" if row.mfa else "pwd", "timestamp": moment(row.authenticated_at)}
    return {
        "id": row.sid,
        "user_id": row.person.sub,
        "created_at": moment(row.created_at),
        "updated_at": moment(row.last_seen_at),
        "authenticated_at": moment(row.authenticated_at),
        "idle_expires_at": moment(row.expires_at),
        "expires_at": moment(row.expires_at),
        "last_interacted_at": moment(row.last_seen_at),
        "device": {
            "initial_ip": row.ip,
            "initial_user_agent": row.user_agent,
            "last_ip": row.ip,
            "last_user_agent": row.user_agent,
        },
        "clients": [{"client_id": client.id} for client in row.clients.all()],
        "authentication": {"methods": [method]},
    }


def refresh_token(row: RefreshToken) -> dict[str, Any]:
    """A refresh token (never its value)."""
    return {
        "id": row.id,
        "user_id": row.person.sub,
        "created_at": moment(row.created_at),
        "idle_expires_at": moment(row.expires_at),
        "expires_at": moment(row.expires_at),
        "last_exchanged_at": moment(row.last_exchanged_at),
        "client_id": row.client_id,
        "session_id": row.session_id,
        "rotating": settings_of(row.client).rotating,
        "resource_servers": [{"audience": row.audience, "scopes": row.scope}],
    }


def consent_grant(row: ConsentGrant) -> dict[str, Any]:
    """A user-to-application grant; ``clientID`` is Auth0's casing."""
    return {
        "id": row.id,
        "clientID": row.client_id,
        "user_id": row.person.sub,
        "audience": row.audience,
        "scope": row.scope,
    }


def connection(row: Connection) -> dict[str, Any]:
    """A connection."""
    return {
        "id": row.id,
        "name": row.name,
        "strategy": row.strategy,
        "options": row.options,
        "authentication": {"active": row.authentication_active},
        "connected_accounts": {"active": row.connected_accounts_active},
    }


def client(row: Client) -> dict[str, Any]:
    """An application (never its secret)."""
    settings = settings_of(row)
    public = row.type == Client.Type.PUBLIC
    return {
        "client_id": row.id,
        "name": row.name,
        "app_type": settings.app_type,
        "is_first_party": settings.first_party,
        "oidc_conformant": True,
        "grant_types": row.get_grant_types(),
        "callbacks": row.get_redirect_uris(),
        "allowed_logout_urls": row.get_post_logout_redirect_uris(),
        "token_endpoint_auth_method": "none" if public else "client_secret_post",
        "resource_server_identifier": settings.resource_server_identifier or None,
        "async_approval_notification_channels": list(settings.approval_channels),
        "oidc_logout": {"backchannel_logout_urls": list(settings.backchannel_logout_urls)},
        "refresh_token": {
            "rotation_type": "rotating" if settings.rotating else "non-rotating",
            "expiration_type": "expiring",
            "leeway": settings.rotation_leeway,
            "token_lifetime": settings.refresh_lifetime,
            "policies": [
                {"audience": policy.audience, "scope": list(policy.scope)}
                for policy in settings.refresh_policies
            ],
        },
    }


def resource_server(row: ResourceServer) -> dict[str, Any]:
    """An API."""
    return {
        "id": row.identifier,
        "identifier": row.identifier,
        "name": row.name,
        "scopes": [{"value": scope, "description": scope} for scope in row.scopes],
        "signing_alg": "RS256",
        "token_lifetime": row.token_lifetime,
        "allow_offline_access": row.allow_offline_access,
        "enforce_policies": row.rbac,
        "token_dialect": "access_token_authz" if row.rbac else "access_token",
        "skip_consent_for_verifiable_first_party_clients": True,
        "authorization_details": [{"type": name} for name in row.authorization_details_types],
        "subject_type_authorization": {
            "user": {"policy": row.user_access},
            "client": {"policy": row.client_access},
        },
    }


def client_grant(row: ClientGrant) -> dict[str, Any]:
    """A client grant."""
    return {
        "id": f"cgr_{row.pk:016d}",
        "client_id": row.client_id,
        "audience": row.audience_id,
        "scope": row.scope,
        "subject_type": row.subject_type,
    }
