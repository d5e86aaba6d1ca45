"""Auth0-shaped tokens: access (Auth0 token profile), ID and refresh tokens.

Sources: facts auth0-wire sections 1.5 and 1.6; OIDC Core 1.0 sections 2 and 3.1.3.6.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from allauth.idp.oidc.models import Client, Token
from joserfc import jwt
from joserfc.errors import JoseError

from local.tenant import clock
from local.tenant.applications import apis
from local.tenant.applications.clients import settings_of
from local.tenant.directory import people_and_claims
from local.tenant.env import env
from local.tenant.ids import digest, new_id, new_secret
from local.tenant.models import LoginSession, Person, RefreshToken, ResourceServer
from local.tenant.oauth import signing_keys

USERINFO_LIFETIME_S = 86_400


class TokenRefused(Exception):
    """An access token that this tenant does not accept; the message says why."""


def sign(claims: Mapping[str, Any], typ: str = "JWT") -> str:
    """Sign claims as they are, RS256, by the current key."""
    key = signing_keys.signing_key()
    header = {"alg": "RS256", "typ": typ, "kid": key.kid}
    return jwt.encode(header, dict(claims), signing_keys.private_key(key), algorithms=["RS256"])


def lifetime_of(audience: str) -> int:
    """Seconds an access token for this API lives."""
    api = ResourceServer.objects.filter(identifier=audience).first()
    return api.token_lifetime if api else USERINFO_LIFETIME_S


def mint_access_token(
    client: Client,
    person: Person | None,
    *,
    audience: str,
    scope: str,
    extra_claims: Mapping[str, Any] | None = None,
) -> str:
    """A signed access token, or an opaque one when no API is asked for (userinfo only).

    ``person`` None means client credentials: ``sub`` is ``<client_id>@clients``. ``aud`` becomes
    an array with ``/userinfo`` when ``openid`` is in ``scope``. ``scope`` is space-separated and
    already decided (see ``apis.user_scope``).
    """
    if not audience:
        return _opaque(client, person, scope)
    now = clock.epoch()
    openid = person is not None and "openid" in scope.split()
    claims: dict[str, Any] = dict(people_and_claims.roles_claim(person)) if person else {}
    claims |= {
        "iss": env().issuer,
        "sub": person.sub if person else f"{client.id}@clients",
        "aud": [audience, apis.userinfo_audience()] if openid else audience,
        "iat": now,
        "exp": now + lifetime_of(audience),
        "scope": scope,
    }
    if not person:
        claims["gty"] = "client-credentials"
    claims["azp"] = client.id
    claims |= _permissions(person, audience, scope)
    return sign(claims | dict(extra_claims or {}))


def mint_id_token(
    client: Client,
    person: Person,
    *,
    nonce: str | None = None,
    sid: str | None = None,
    auth_time: int | None = None,
    amr: Sequence[str] = (),
    extra: Mapping[str, Any] | None = None,
    scope: str = "openid profile email",
    access_token: str | None = None,
) -> str:
    """A signed ID token for ``client``. ``auth_time`` in epoch seconds; ``amr`` only when given."""
    now = clock.epoch()
    claims: dict[str, Any] = dict(people_and_claims.roles_claim(person))
    claims |= people_and_claims.profile_claims(person, scope.split())
    claims |= {
        "iss": env().issuer,
        "aud": client.id,
        "sub": person.sub,
        "iat": now,
        "exp": now + settings_of(client).id_token_lifetime,
    }
    optional = {
        "nonce": nonce,
        "sid": sid,
        "auth_time": auth_time,
        "amr": list(amr),
        "at_hash": _half_hash(access_token) if access_token else None,
    }
    claims |= {name: value for name, value in optional.items() if value not in (None, [], "")}
    return sign(claims | dict(extra or {}))


def mint_refresh_token(
    client: Client,
    person: Person,
    audience: str,
    scope: str,
    *,
    session: LoginSession | None = None,
    family: str = "",
) -> str:
    """A new refresh token; its row keeps the digest. ``family`` continues a rotation."""
    secret = f"v1.{new_secret()}{new_secret()[:20]}"
    now = clock.now()
    RefreshToken.objects.create(
        digest=digest(secret),
        family=family or new_id("fam_"),
        client=client,
        person=person,
        session=session,
        audience=audience,
        scope=scope,
        created_at=now,
        expires_at=now + timedelta(seconds=settings_of(client).refresh_lifetime),
    )
    return secret


def verify_access_token(token: str, *, audience: str) -> dict[str, Any]:
    """The claims of an access token of this tenant for ``audience``.

    Raises TokenRefused when it is malformed, not ours, expired, for another audience, or an ID
    token. Opaque tokens are good for ``/userinfo`` only.
    """
    if token.count(".") != 2:
        return _opaque_claims(token, audience)
    try:
        claims = jwt.decode(token, signing_keys.verification_keys(), algorithms=["RS256"]).claims
    except (JoseError, ValueError) as error:
        raise TokenRefused("Invalid token signature") from error
    audiences = claims.get("aud")
    listed = audiences if isinstance(audiences, list) else [audiences]
    if claims.get("iss") != env().issuer or audience not in listed or "azp" not in claims:
        raise TokenRefused(f"Token is not meant for {audience}")
    if int(claims.get("exp", 0)) <= clock.epoch():
        raise TokenRefused("Expired token received for JSON Web Token validation")
    return dict(claims)


def _permissions(person: Person | None, audience: str, scope: str) -> dict[str, list[str]]:
    api = ResourceServer.objects.filter(identifier=audience, rbac=True).first()
    if api is None:
        return {}
    return {
        "permissions": people_and_claims.permissions(person, audience) if person else scope.split()
    }


def _half_hash(value: str) -> str:
    half = hashlib.sha256(value.encode()).digest()[:16]
    return base64.urlsafe_b64encode(half).rstrip(b"=").decode()


def _opaque(client: Client, person: Person | None, scope: str) -> str:
    secret = new_secret()
    row = Token(client=client, user=person, type=Token.Type.ACCESS_TOKEN, hash=digest(secret))
    row.expires_at = clock.now() + timedelta(seconds=USERINFO_LIFETIME_S)
    row.set_scopes(scope.split())
    row.save()
    return secret


def _opaque_claims(token: str, audience: str) -> dict[str, Any]:
    row = Token.objects.filter(
        hash=digest(token), type=Token.Type.ACCESS_TOKEN, expires_at__gt=clock.now()
    ).first()
    if row is None or audience != apis.userinfo_audience() or row.user is None:
        raise TokenRefused("Invalid or expired token")
    return {
        "iss": env().issuer,
        "sub": row.user.sub,
        "aud": [audience],
        "azp": row.client_id,
        "scope": " ".join(row.get_scopes()),
    }
