"""Refresh tokens: redeeming, reuse detection, and multi-resource refresh (MRRT)."""

from __future__ import annotations

from datetime import timedelta

from allauth.idp.oidc.models import Client

from local.tenant import clock
from local.tenant.applications import apis
from local.tenant.applications.clients import settings_of
from local.tenant.ids import digest
from local.tenant.models import RefreshToken
from local.tenant.oauth.errors import OAuthError, invalid_grant
from local.tenant.oauth.token_answers import Decision
from local.tenant.tenant_log import log_events

UNKNOWN = "Unknown or invalid refresh token."


def redeem(client: Client, secret: str) -> RefreshToken:
    """The live refresh token behind ``secret``.

    A rotated token presented again outside the leeway revokes its whole family (RFC 9700 section
    4.14.2). Raises OAuthError 403 ``invalid_grant``.
    """
    row = (
        RefreshToken.objects.select_related("person", "session")
        .filter(digest=digest(secret), client=client)
        .first()
    )
    now = clock.now()
    if row is None or row.revoked_at or row.expires_at <= now or row.person.blocked:
        raise invalid_grant(UNKNOWN)
    leeway = timedelta(seconds=settings_of(client).rotation_leeway)
    if row.rotated_at is not None and now > row.rotated_at + leeway:
        revoke_family(row)
        log_events.write(
            "ferrt", client=client, person=row.person, description="Reused rotating refresh token"
        )
        raise invalid_grant(UNKNOWN)
    return row


def decide(row: RefreshToken, audience: str, scope: str) -> Decision:
    """What this refresh yields.

    ``audience`` and ``scope`` are the request's, empty when absent. An audience without a policy
    of the client, and scopes beyond the grant, are ignored silently as Auth0 does: the caller
    sees it in the returned ``scope`` and ``aud``.
    """
    wanted = scope.split()
    target, granted = _for_policy(row, audience, wanted) or (row.audience, _own(row, wanted))
    return Decision(
        client=row.client,
        person=row.person,
        audience=target,
        scope=granted,
        session=row.session,
        refreshed=row,
    )


def revoke_family(row: RefreshToken) -> None:
    """Revoke a token and every token it was rotated from or into."""
    RefreshToken.objects.filter(family=row.family, revoked_at=None).update(revoked_at=clock.now())


def _own(row: RefreshToken, wanted: list[str]) -> str:
    held = row.scope.split()
    asked = [name for name in wanted if name in held] if wanted else held
    return apis.user_scope(row.client, row.person, row.audience, asked)


def _for_policy(row: RefreshToken, audience: str, wanted: list[str]) -> tuple[str, str] | None:
    policies = {p.audience: p for p in settings_of(row.client).refresh_policies}
    policy = policies.get(audience)
    unusable = policy is None or audience in (row.audience, apis.management_audience())
    if policy is None or unusable or not settings_of(row.client).first_party:
        return None
    oidc = [name for name in row.scope.split() if name in apis.OIDC_SCOPES]
    asked = [name for name in policy.scope if not wanted or name in wanted]
    try:
        return audience, apis.user_scope(row.client, row.person, audience, [*oidc, *asked])
    except OAuthError:
        return None
