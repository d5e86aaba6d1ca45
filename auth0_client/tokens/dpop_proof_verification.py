"""The proof that a caller holds the key its access token is bound to: a DPoP JWT (RFC 9449).

Auth0 documents ES256 and RS256 for the keys of clients; nothing else is read.
"""

from __future__ import annotations

import base64
import hashlib
import re
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey

from auth0_client.errors import TokenRefused
from auth0_client.tokens.jwt import Claims, read_header, read_object

ALGORITHMS: Final = ("ES256", "RS256")
WITHIN_S: Final = 300
"""How far the clock of a caller may be from ours, and so how long a proof could be sent again."""
LONGEST: Final = 4096
_PORTS: Final = {"http": 80, "https": 443}
_COORDINATE: Final = re.compile(r"[A-Za-z0-9_-]{43}")
_MODULUS: Final = re.compile(r"[A-Za-z0-9_-]{342,683}")  # 2,048 to 4,096 bits
_OTHER_KEYS: Final = ("jku", "x5u", "x5c", "crit", "b64", "zip", "enc")
_REGISTRY: Final = jws.JWSRegistry(algorithms=list(ALGORITHMS), strict_check_header=False)
_REGISTRY.max_header_length = LONGEST  # a key is in it


def verify_dpop_proof(
    proof: str, *, token: str, thumbprint: str, method: str, url: str, now: float
) -> str:
    """Check a proof in all but whether it was used before; returns its ``jti`` for that.

    ``thumbprint`` is the token's ``cnf.jkt``, ``url`` the address without query, ``now`` in epoch
    seconds.

    Raises:
        TokenRefused: ``missing``, ``malformed``, ``algorithm``, ``other_key``, ``signature``,
            ``other_request``, ``other_token``, ``time``, ``missing_claim``, ``bad_claim``.
    """
    if not proof:
        raise TokenRefused("missing", "send the header DPoP with a proof by the token's key")
    if len(proof) > LONGEST:
        raise TokenRefused("malformed", f"longer than {LONGEST} characters")
    key = _key(read_header(proof))
    if key.thumbprint() != thumbprint:
        raise TokenRefused("other_key", "the token is bound to another key")
    try:
        opened = jws.deserialize_compact(proof, key, registry=_REGISTRY)
    except (JoseError, ValueError, TypeError):
        raise TokenRefused("signature", "the signature does not verify") from None
    claims = Claims(read_object(opened.payload, "the payload"), None)
    _check_request(claims, method, url)
    if claims.text("ath") != _hash(token):
        raise TokenRefused("other_token", "the proof is for another access token")
    if abs(claims.time("iat") - now) > WITHIN_S:
        raise TokenRefused("time", "the proof is too old, or the caller's clock is wrong")
    return claims.text("jti", limit=256)


def _key(header: dict[str, object]) -> ECKey | RSAKey:
    """The public key in the header, for the one algorithm that fits it."""
    if header.get("typ") != "dpop+jwt" or any(name in header for name in _OTHER_KEYS):
        raise TokenRefused("malformed", "not the header of a DPoP proof")
    algorithm, jwk = header.get("alg"), header.get("jwk")
    if algorithm not in ALGORITHMS:
        raise TokenRefused("algorithm", f"only {' and '.join(ALGORITHMS)} are accepted")
    if not isinstance(jwk, dict):
        raise TokenRefused("malformed", "jwk must be a public key")
    try:
        return _elliptic(jwk) if algorithm == "ES256" else _rsa(jwk)
    except (JoseError, ValueError, TypeError, KeyError):
        raise TokenRefused("malformed", f"jwk is no public key for {algorithm}") from None


def _elliptic(jwk: dict[str, Any]) -> ECKey:
    if (jwk["kty"], jwk["crv"]) != ("EC", "P-256") or "d" in jwk:
        raise ValueError
    if not (_COORDINATE.fullmatch(jwk["x"]) and _COORDINATE.fullmatch(jwk["y"])):
        raise ValueError
    return ECKey.import_key({name: jwk[name] for name in ("kty", "crv", "x", "y")})


def _rsa(jwk: dict[str, Any]) -> RSAKey:
    if (jwk["kty"], jwk["e"]) != ("RSA", "AQAB") or "d" in jwk:
        raise ValueError
    if not _MODULUS.fullmatch(jwk["n"]):
        raise ValueError
    return RSAKey.import_key({name: jwk[name] for name in ("kty", "n", "e")})


def _check_request(claims: Claims, method: str, url: str) -> None:
    """``htm`` and ``htu`` name this request; query and fragment do not count (section 4.3)."""
    if claims.text("htm") != method or _normal(claims.text("htu")) != _normal(url):
        raise TokenRefused("other_request", f"the proof is not for {method} {url}")


def _normal(address: str) -> tuple[str, str, int | None, str] | None:
    """Scheme, host, port and path of an address (RFC 3986 section 6.2); None where it has none."""
    try:
        parts = urlsplit(address)
        port = parts.port or _PORTS.get(parts.scheme)
    except ValueError:
        return None
    return parts.scheme, parts.hostname or "", port, unquote(parts.path)


def _hash(token: str) -> str:
    digest = hashlib.sha256(token.encode("ascii", "replace")).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
