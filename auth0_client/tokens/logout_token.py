"""Logout tokens: the tenant says that a session is over (OIDC Back-Channel Logout 1.0, 2.4–2.6)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from auth0_client.errors import TokenRefused
from auth0_client.tokens.id_token import LEEWAY_S
from auth0_client.tokens.jwt import KeySource, open_token

EVENT: Final = "http://schemas.openid.net/event/backchannel-logout"
# Auth0 sends ``JWT`` where the specification recommends ``logout+jwt``.
_TYPES: Final = frozenset({"", "jwt", "logout+jwt"})


@dataclass(frozen=True, slots=True)
class LogoutClaims:
    """Which session or person to sign out; at least one of ``sid`` and ``subject`` is set.

    The caller must remember ``jti`` until ``expires_at`` and refuse it a second time.
    """

    issuer: str
    sid: str | None
    subject: str | None
    jti: str
    issued_at: float
    expires_at: float


def verify_logout_token(
    token: str,
    keys: KeySource,
    *,
    issuer: str,
    client_id: str,
    now: float,
    leeway: float = LEEWAY_S,
) -> LogoutClaims:
    """Verify ``token`` as a logout token of ``issuer`` for ``client_id``.

    Raises:
        TokenRefused: with the code of the first check that failed.
    """
    claims = open_token(token, keys, types=_TYPES)
    claims.check_issuer(issuer)
    if client_id not in claims.audience():
        raise TokenRefused("audience", "the token is for another application")
    claims.check_times(now, leeway)
    events = claims.values.get("events")
    if not isinstance(events, dict) or not isinstance(events.get(EVENT), dict):
        raise TokenRefused("events", "this is not a back-channel logout token")
    if "nonce" in claims.values:
        raise TokenRefused("nonce", "a logout token must not carry a nonce")
    sid = claims.optional_text("sid", limit=255)
    subject = claims.optional_text("sub", limit=255)
    if not sid and not subject:
        raise TokenRefused("missing_claim", "neither sid nor sub says whom to sign out")
    return LogoutClaims(
        issuer=issuer,
        sid=sid or None,
        subject=subject or None,
        jti=claims.text("jti", limit=255),
        issued_at=claims.time("iat"),
        expires_at=claims.time("exp"),
    )
