"""Issuer-signed tokens as evidence: RS256 JWTs checked against key sets the verifier trusts.

Expiry is not checked: evidence is released only after a token has expired, and what it proves is
that the issuer signed it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey

from .canonical import EntryError, canonical

ALGORITHM: Final = "RS256"
MIN_MODULUS_BITS: Final = 2048


class TokenError(ValueError):
    """A token that proves nothing, and why."""


class UnknownKey(TokenError):
    """Nobody can tell: the verifier has no key of that issuer, or none of that name."""


class Aside(TokenError):
    """A token that verifies and has no bearing on the event in question."""


def claims(token: bytes, issuer_keys: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return the claims of a token that its issuer signed.

    Args:
        token: a compact JWT.
        issuer_keys: issuer -> JWKS (RFC 7517), from the verifier's own trust roots.

    Raises:
        UnknownKey: an issuer without keys, or no key of that `kid` among them.
        TokenError: malformed, not RS256, or no key of that `kid` verifies.
    """
    try:
        issuer = jws.extract_compact(token).payload
        named = json.loads(issuer)["iss"]
    except (JoseError, ValueError, KeyError, TypeError, RecursionError):
        raise TokenError("it is not a compact JWT with an issuer") from None
    keys = issuer_keys.get(named) if isinstance(named, str) else None
    if not keys:
        raise UnknownKey(f"no keys of the issuer {named!r} are trusted")
    try:
        return dict(_verified(bytes(token), canonical(dict(keys))))
    except EntryError as error:
        raise TokenError(f"the key set of {named} is not JSON: {error}") from error


def forget() -> None:
    """Keep no token, nor what it says."""
    _verified.cache_clear()


# One sign-in token is the evidence of every event of its session.
@lru_cache(maxsize=512)
def _verified(token: bytes, key_set: bytes) -> Mapping[str, Any]:
    kid = jws.extract_compact(token).headers().get("kid")
    candidates = [
        key
        for key in json.loads(key_set).get("keys", ())
        if isinstance(key, dict) and key.get("kid") == kid and _is_strong_rsa(key)
    ]
    if not kid or not candidates:
        raise UnknownKey(
            f"the issuer's key set has no RSA key {kid!r} of {MIN_MODULUS_BITS} bits or more"
        )
    for candidate in candidates:
        try:
            key = RSAKey.import_key(candidate)
            return jwt.decode(token.decode("ascii"), key, algorithms=[ALGORITHM]).claims
        except (JoseError, ValueError, TypeError, KeyError):
            continue
    raise TokenError(f"no key {kid!r} of the issuer verifies its {ALGORITHM} signature")


def _is_strong_rsa(key: Mapping[str, Any]) -> bool:
    modulus = key.get("n")
    if key.get("kty") != "RSA" or not isinstance(modulus, str):
        return False
    # base64url carries 6 bits a character; the slack of one byte is no weakness.
    return len(modulus) * 6 >= MIN_MODULUS_BITS
