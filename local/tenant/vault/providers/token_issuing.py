"""How a played provider issues, refreshes, checks and revokes its own tokens."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from local.tenant.ids import digest, new_secret
from local.tenant.vault.models import ProviderGrant, ProviderToken
from local.tenant.vault.providers.catalog import Provider


class GrantRevokedError(Exception):
    """The provider no longer honours this refresh token: it is unknown or was revoked there."""


class BadTokenError(Exception):
    """The provider did not issue this token, or it expired, or its grant was revoked.

    Attributes:
        why: `unknown`, `expired` or `revoked`.
    """

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


@dataclass(frozen=True, slots=True)
class Issued:
    """An access token fresh from the provider.

    Attributes:
        expires_at: end of life, after which the provider refuses it.
    """

    access_token: str
    scopes: tuple[str, ...]
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Granted:
    """The answer to an allowed authorisation request."""

    user_id: str
    refresh_token: str
    issued: Issued


def token_lifetime_s() -> int:
    """Seconds a provider access token lives: 3600, or `TENANT_PROVIDER_TOKEN_S`."""
    raw = os.environ.get("TENANT_PROVIDER_TOKEN_S", "3600")
    if not raw.isdecimal() or int(raw) < 1:
        raise ValueError(f"TENANT_PROVIDER_TOKEN_S must be whole seconds from 1, not {raw!r}")
    return int(raw)


def allow(provider: Provider, login: str, scopes: Sequence[str], now: datetime) -> Granted:
    """The person allowed our tenant to act for `login`."""
    refresh_token = provider.refresh_prefix + new_secret()
    grant = ProviderGrant.objects.create(
        provider=provider.name,
        login=login,
        user_id=provider.user_id(login),
        scopes=[scope for scope in scopes if scope != "offline_access"],
        refresh_digest=digest(refresh_token),
        created_at=now,
    )
    return Granted(grant.user_id, refresh_token, _issue(provider, grant, now))


def refresh(provider: Provider, refresh_token: str, now: datetime) -> Issued:
    """Exchange a refresh token for a fresh access token of the same scopes.

    Raises:
        GrantRevokedError: the provider refuses the refresh token.
    """
    grant = (
        ProviderGrant.objects.standing()
        .filter(provider=provider.name, refresh_digest=digest(refresh_token))
        .first()
    )
    if grant is None:
        raise GrantRevokedError
    return _issue(provider, grant, now)


def check(provider: Provider, access_token: str, now: datetime) -> ProviderToken:
    """The token as the provider knows it; notes the use.

    Raises:
        BadTokenError: unknown, expired or revoked.
    """
    token = (
        ProviderToken.objects.select_related("grant")
        .filter(digest=digest(access_token), grant__provider=provider.name)
        .first()
    )
    if token is None:
        raise BadTokenError("unknown")
    if token.grant.revoked_at is not None:
        raise BadTokenError("revoked")
    if token.expires_at <= now:
        raise BadTokenError("expired")
    ProviderGrant.objects.filter(pk=token.grant_id).update(last_used_at=now)
    return token


def any_granted() -> bool:
    """Whether any provider ever granted anything, standing or revoked."""
    return ProviderGrant.objects.exists()


def revoke(grant: ProviderGrant, now: datetime) -> None:
    """End the grant at the provider: its tokens stop working at once. Idempotent."""
    ProviderGrant.objects.standing().filter(pk=grant.pk).update(revoked_at=now)


def _issue(provider: Provider, grant: ProviderGrant, now: datetime) -> Issued:
    access_token = provider.token_prefix + new_secret()
    expires_at = now + timedelta(seconds=token_lifetime_s())
    ProviderToken.objects.filter(grant=grant, expires_at__lte=now - timedelta(days=1)).delete()
    ProviderToken.objects.create(
        digest=digest(access_token), grant=grant, scopes=grant.scopes, expires_at=expires_at
    )
    return Issued(access_token, tuple(grant.scopes), expires_at)
