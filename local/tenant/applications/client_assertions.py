"""``private_key_jwt`` client assertions (RFC 7523; facts: Auth0 allows at most five minutes)."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from typing import Any

from django.core.cache import cache
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, import_key

from local.tenant import clock
from local.tenant.env import env
from local.tenant.oauth.errors import invalid_client

ALGORITHMS = ["RS256", "RS384", "PS256"]
MAX_BYTES = 2048
MAX_LIFETIME_S = 300
SKEW_S = 10


def claimed_issuer(assertion: str) -> str:
    """The ``iss`` an assertion claims, unverified: only good for finding the keys to verify by."""
    try:
        middle = assertion.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(middle + "=" * (-len(middle) % 4)))
        return str(claims["iss"])
    except (IndexError, ValueError, KeyError, TypeError) as error:
        raise invalid_client("client_assertion is not a JWT with an iss") from error


def verify(assertion: str, client_id: str, public_keys: Sequence[str]) -> None:
    """Check signature, issuer, subject, audience, lifetime and single use of an assertion.

    Raises OAuthError 401 ``invalid_client`` naming what is wrong.
    """
    if not public_keys:
        raise invalid_client("The client has no registered public key")
    if len(assertion.encode()) > MAX_BYTES:
        raise invalid_client(f"client_assertion is longer than {MAX_BYTES} bytes")
    keys = KeySet([import_key(pem, "RSA") for pem in public_keys])
    try:
        claims = jwt.decode(assertion, keys, algorithms=ALGORITHMS).claims
    except (JoseError, ValueError) as error:
        raise invalid_client("client_assertion signature is not valid") from error
    problem = _problem(claims, client_id)
    if problem:
        raise invalid_client(f"client_assertion {problem}")
    if not cache.add(f"client-assertion:{client_id}:{claims['jti']}", 1, MAX_LIFETIME_S + SKEW_S):
        raise invalid_client("client_assertion was used before")


def _problem(claims: dict[str, Any], client_id: str) -> str:
    now = clock.epoch()
    exp, iat = claims.get("exp"), claims.get("iat", now)
    if claims.get("iss") != client_id or claims.get("sub") != client_id:
        return "iss and sub must be the client_id"
    if claims.get("aud") not in (env().issuer, [env().issuer]):
        return f"aud must be {env().issuer}"
    if not isinstance(exp, int) or not isinstance(iat, int):
        return "needs integer exp and iat"
    if exp + SKEW_S < now or iat - SKEW_S > now:
        return "is expired or not yet valid"
    if exp - now > MAX_LIFETIME_S + SKEW_S:
        return f"lives longer than {MAX_LIFETIME_S} seconds"
    return "" if isinstance(claims.get("jti"), str) else "needs a jti"
