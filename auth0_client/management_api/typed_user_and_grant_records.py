"""What the Management API tells about people, typed. Personal values stay out of every repr."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from http_client.json_fields import Fields


@dataclass(frozen=True, slots=True)
class User:
    """A user profile; ``last_login`` is the tenant's, not ours."""

    user_id: str
    email: str | None = field(repr=False)
    email_verified: bool
    name: str | None = field(repr=False)
    blocked: bool
    created_at: datetime | None
    last_login: datetime | None


@dataclass(frozen=True, slots=True)
class Role:
    """A role assigned at the tenant."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class ManagedAccount:
    """A connected account as the Management API lists it. It can be listed, not deleted."""

    id: str
    connection: str
    connection_id: str | None
    strategy: str | None
    access_type: str | None
    scopes: tuple[str, ...]
    created_at: datetime | None
    expires_at: datetime | None
    organization_id: str | None


@dataclass(frozen=True, slots=True)
class AuthenticationMethod:
    """Something a person can prove themselves with, such as a push enrolment or a passkey."""

    id: str
    type: str
    name: str | None = field(repr=False)
    confirmed: bool | None
    created_at: datetime | None
    last_auth_at: datetime | None


@dataclass(frozen=True, slots=True)
class Session:
    """A tenant session, with the clients that take part in it."""

    id: str
    user_id: str
    created_at: datetime | None
    authenticated_at: datetime | None
    last_interacted_at: datetime | None
    expires_at: datetime | None
    client_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RefreshToken:
    """A refresh token's record (never its value); ``audiences`` are the APIs it reaches."""

    id: str
    user_id: str
    client_id: str
    created_at: datetime | None
    expires_at: datetime | None
    last_exchanged_at: datetime | None
    rotating: bool | None
    audiences: tuple[str, ...]
    scopes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Grant:
    """A consent a person gave an application for an API."""

    id: str
    client_id: str
    user_id: str
    audience: str | None
    scopes: tuple[str, ...]


def read_user(found: Fields) -> User:
    """Type one user profile."""
    return User(
        user_id=found.text("user_id", limit=255),
        email=found.optional_text("email", limit=1024),
        email_verified=found.optional_flag("email_verified") or False,
        name=found.optional_text("name", limit=1024),
        blocked=found.optional_flag("blocked") or False,
        created_at=found.moment("created_at"),
        last_login=found.moment("last_login"),
    )


def read_role(found: Fields) -> Role:
    """Type one role."""
    return Role(id=found.text("id", limit=128), name=found.text("name", limit=256))


def read_account(found: Fields) -> ManagedAccount:
    """Type one connected account."""
    return ManagedAccount(
        id=found.text("id", limit=128),
        connection=found.text("connection", limit=256),
        connection_id=found.optional_text("connection_id", limit=128),
        strategy=found.optional_text("strategy", limit=128),
        access_type=found.optional_text("access_type", limit=64),
        scopes=found.texts("scopes"),
        created_at=found.moment("created_at"),
        expires_at=found.moment("expires_at"),
        organization_id=found.optional_text("organization_id", limit=128),
    )


def read_method(found: Fields) -> AuthenticationMethod:
    """Type one authentication method."""
    return AuthenticationMethod(
        id=found.text("id", limit=256),
        type=found.text("type", limit=64),
        name=found.optional_text("name", limit=1024),
        confirmed=found.optional_flag("confirmed"),
        created_at=found.moment("created_at"),
        last_auth_at=found.moment("last_auth_at"),
    )


def read_session(found: Fields) -> Session:
    """Type one session."""
    return Session(
        id=found.text("id", limit=256),
        user_id=found.text("user_id", limit=255),
        created_at=found.moment("created_at"),
        authenticated_at=found.moment("authenticated_at"),
        last_interacted_at=found.moment("last_interacted_at"),
        expires_at=found.moment("expires_at"),
        client_ids=tuple(c.text("client_id", limit=256) for c in found.objects("clients")),
    )


def read_refresh_token(found: Fields) -> RefreshToken:
    """Type one refresh token record."""
    servers = found.objects("resource_servers")
    return RefreshToken(
        id=found.text("id", limit=256),
        user_id=found.text("user_id", limit=255),
        client_id=found.text("client_id", limit=256),
        created_at=found.moment("created_at"),
        expires_at=found.moment("expires_at"),
        last_exchanged_at=found.moment("last_exchanged_at"),
        rotating=found.optional_flag("rotating"),
        audiences=tuple(server.text("audience", limit=1024) for server in servers),
        scopes=tuple(dict.fromkeys(scope for server in servers for scope in _scopes(server))),
    )


def _scopes(server: Fields) -> tuple[str, ...]:
    """A text with spaces, or a list: what the API sends and its description differ."""
    value = server.values.get("scopes")
    return tuple(value.split()) if isinstance(value, str) else server.texts("scopes")


def read_grant(found: Fields) -> Grant:
    """Type one grant; this API alone spells the client ``clientID``."""
    return Grant(
        id=found.text("id", limit=256),
        client_id=found.text("clientID", limit=256),
        user_id=found.text("user_id", limit=255),
        audience=found.optional_text("audience", limit=1024),
        scopes=found.texts("scope"),
    )
