"""ID tokens: who signed in, when and how (OpenID Connect Core 1.0 sections 2 and 3.1.3.7)."""

from __future__ import annotations

import base64
import hashlib
import hmac
from dataclasses import dataclass, field
from typing import Final

from auth0_client.errors import TokenRefused
from auth0_client.tokens.jwt import Claims, KeySource, open_token

_TYPES: Final = frozenset({"", "jwt"})
LEEWAY_S: Final = 60.0
ISSUED_WITHIN_S: Final = 3600.0
"""An ID token answers a request of minutes ago: an older one is a replay, whatever its expiry."""


@dataclass(frozen=True, slots=True)
class IdClaims:
    """The checked claims of an ID token. Times are epoch seconds.

    ``email`` and ``name`` are for display; ``(issuer, subject)`` is the identity.
    """

    issuer: str
    subject: str
    audience: tuple[str, ...]
    issued_at: float
    expires_at: float
    auth_time: float | None
    sid: str | None
    acr: str | None
    amr: tuple[str, ...]
    roles: tuple[str, ...]
    kid: str | None
    email: str | None = field(repr=False)
    email_verified: bool
    name: str | None = field(repr=False)
    picture: str | None = field(repr=False)


def verify_id_token(
    token: str,
    keys: KeySource,
    *,
    issuer: str,
    client_id: str,
    nonce: str | None,
    now: float,
    max_age: float | None = None,
    access_token: str | None = None,
    roles_claim: str = "",
    leeway: float = LEEWAY_S,
) -> IdClaims:
    """Verify ``token`` as issued by ``issuer`` to ``client_id`` in answer to our own request.

    ``nonce`` None is for answers to requests that carry none (CIBA, refresh): a nonce in the
    token is then refused too. ``max_age`` and ``leeway`` are seconds. ``at_hash`` is checked
    whenever the token has one and ``access_token`` is given. A token that was issued more than
    ``ISSUED_WITHIN_S`` ago is refused, whatever its expiry and nonce.

    Raises:
        TokenRefused: with the code of the first check that failed.
    """
    claims = open_token(token, keys, types=_TYPES)
    claims.check_issuer(issuer)
    if "events" in claims.values:  # Auth0 types both as JWT (Back-Channel Logout 1.0 section 2.4)
        raise TokenRefused("logout_token", "a logout token signs no one in")
    subject = claims.text("sub", limit=255)
    _check_audience(claims, client_id)
    claims.check_times(now, leeway)
    if claims.time("iat") < now - ISSUED_WITHIN_S - leeway:
        raise TokenRefused("too_old", "the token was issued more than an hour ago")
    _check_nonce(claims, nonce)
    auth_time = _check_auth_time(claims, max_age, now, leeway)
    if access_token is not None:
        _check_at_hash(claims, access_token)
    return _read(claims, subject, auth_time, claims.texts(roles_claim) if roles_claim else ())


def _read(
    claims: Claims, subject: str, auth_time: float | None, roles: tuple[str, ...]
) -> IdClaims:
    return IdClaims(
        issuer=claims.text("iss"),
        subject=subject,
        audience=claims.audience(),
        issued_at=claims.time("iat"),
        expires_at=claims.time("exp"),
        auth_time=auth_time,
        sid=claims.optional_text("sid", limit=255),
        acr=claims.optional_text("acr", limit=200),
        amr=claims.texts("amr"),
        roles=roles,
        kid=claims.kid,
        email=claims.display_text("email"),
        email_verified=claims.values.get("email_verified") is True,
        name=claims.display_text("name"),
        picture=claims.display_text("picture", limit=16_384),
    )


def _check_audience(claims: Claims, client_id: str) -> None:
    audience = claims.audience()
    if client_id not in audience:
        raise TokenRefused("audience", "the token is for another application")
    party = claims.optional_text("azp")
    if party is None and len(audience) > 1:
        raise TokenRefused("authorized_party", "several audiences and no azp")
    if party is not None and party != client_id:
        raise TokenRefused("authorized_party", "the token was issued to another application")


def _check_nonce(claims: Claims, nonce: str | None) -> None:
    found = claims.optional_text("nonce")
    if nonce is None and found is None:
        return
    if nonce is None or found is None or not hmac.compare_digest(found.encode(), nonce.encode()):
        raise TokenRefused("nonce", "the token does not answer this sign-in request")


def _check_auth_time(
    claims: Claims, max_age: float | None, now: float, leeway: float
) -> float | None:
    auth_time = claims.optional_time("auth_time")
    if auth_time is not None and auth_time > now + leeway:
        raise TokenRefused("issued_in_future", "auth_time lies in the future")
    if max_age is None:
        return auth_time
    if auth_time is None:
        raise TokenRefused("missing_claim", "auth_time is missing although max_age was asked for")
    if now - auth_time > max_age + leeway:
        raise TokenRefused("too_old", "the sign-in is older than was asked for")
    return auth_time


def _check_at_hash(claims: Claims, access_token: str) -> None:
    found = claims.optional_text("at_hash")
    if found is None:
        return
    half = hashlib.sha256(access_token.encode()).digest()[:16]
    expected = base64.urlsafe_b64encode(half).rstrip(b"=")
    if not hmac.compare_digest(found.encode(), expected):
        raise TokenRefused("at_hash", "the access token is not the one issued with this ID token")
