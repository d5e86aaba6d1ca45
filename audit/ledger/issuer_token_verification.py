"""Issuer-signed tokens as evidence: RS256 JWTs checked against key sets the verifier trusts.

Expiry is not checked: evidence is released only after a token has expired, and what it proves is
that the issuer signed it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import chain, islice
from typing import Any, Final

from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey

from audit.ledger.format.canonical import EntryError, canonical

ALGORITHM: Final = "RS256"
MIN_MODULUS_BITS: Final = 2048
MOST_KEYS: Final = 50
MOST_KEY_BYTES: Final = 16 * 1024
"""Bounds of what counts of the key sets of a pack, for each issuer."""
MOST_KEYS_OF_A_NAME: Final = 4
"""So many keys of one `kid` are tried: an issuer gives each key another."""


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
        compact = jws.extract_compact(token)
        named, kid = json.loads(compact.payload)["iss"], compact.headers().get("kid")
    except (JoseError, ValueError, KeyError, TypeError, RecursionError):
        raise TokenError("it is not a compact JWT with an issuer") from None
    keys = issuer_keys.get(named) if isinstance(named, str) else None
    if not keys:
        raise UnknownKey(f"no keys of the issuer {named!r} are trusted")
    candidates = _keys_of(kid, keys) if kid else ()
    if not candidates:
        raise UnknownKey(
            f"the issuer's key set has no RSA key {kid!r} of {MIN_MODULUS_BITS} bits or more"
        )
    found = _verified(bytes(token), candidates)
    if found is None:
        raise TokenError(f"no key {kid!r} of the issuer verifies its {ALGORITHM} signature")
    return dict(found)


def forget() -> None:
    """Keep no token, nor what it says."""
    _verified.cache_clear()


def distinct_keys(sets: Iterable[Sequence[Any]]) -> list[Any]:
    """The first `MOST_KEYS` keys of several key sets of an issuer, each once."""
    found: dict[bytes, Any] = {}
    for key in chain.from_iterable(sets):
        try:
            spelled = canonical(key)
        except (EntryError, RecursionError):
            continue
        if len(spelled) <= MOST_KEY_BYTES:
            found.setdefault(spelled, key)
        if len(found) == MOST_KEYS:
            break
    return list(found.values())


def _keys_of(kid: object, keys: Mapping[str, Any]) -> tuple[bytes, ...]:
    """The first `MOST_KEYS_OF_A_NAME` keys that a token may name by this `kid`."""
    listed = keys.get("keys")
    named = (
        key
        for key in (listed if isinstance(listed, Sequence) else ())
        if isinstance(key, dict) and key.get("kid") == kid and _is_strong_rsa(key)
    )
    try:
        return tuple(canonical(key) for key in islice(named, MOST_KEYS_OF_A_NAME))
    except EntryError as error:
        raise TokenError(f"the key set is not JSON: {error}") from error


# One sign-in token is the evidence of every event of its session; one that no key verifies is
# remembered too, or a pack that names it often would have it tried each time.
@lru_cache(maxsize=512)
def _verified(token: bytes, candidates: tuple[bytes, ...]) -> Mapping[str, Any] | None:
    for candidate in candidates:
        try:
            key = RSAKey.import_key(json.loads(candidate))
            return jwt.decode(token.decode("ascii"), key, algorithms=[ALGORITHM]).claims
        except (JoseError, ValueError, TypeError, KeyError):
            continue
    return None


def _is_strong_rsa(key: Mapping[str, Any]) -> bool:
    modulus = key.get("n")
    if key.get("kty") != "RSA" or not isinstance(modulus, str):
        return False
    # base64url carries 6 bits a character; the slack of one byte is no weakness.
    return len(modulus) * 6 >= MIN_MODULUS_BITS
