"""The proof of each request of an outpost: a DPoP JWT (RFC 9449) that also names the body.

Only EdDSA with an Ed25519 key in the header is read; a header or claim that is not listed here is
refused, so there is nothing to negotiate.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import IntegrityError, transaction

from audit.ledger.format.canonical import parsed
from enforcement.models import SeenProof
from enforcement.outposts.device_id_and_signature import b64url, outpost_id, unb64url, verifies

WITHIN: Final = timedelta(seconds=300)
"""How far the clock of an outpost may be from ours."""
REMEMBERED: Final = 2 * WITHIN
LONGEST: Final = 2048
_AFTER_ALL_TIME: Final = 2**63
"""Seconds; JSON has integers of any length, and a longer one is no float to compare with."""
_CLAIMS: Final = frozenset({"htm", "htu", "iat", "jti", "body"})
_JTI: Final = re.compile(r"[A-Za-z0-9_-]{16,64}")


class ProofRefused(Exception):
    """A request is not proven; `reason` is a stable code, the message names what was wrong."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Proof:
    """A proof whose signature, address, body and time were checked."""

    public_key: str
    outpost: str
    jti: str


def verify(token: str, *, method: str, url: str, body: bytes, now: datetime) -> Proof:
    """Check the `DPoP` header of a request, all but whether it was used before.

    Raises:
        ProofRefused: `missing`, `malformed`, `signature`, `other_request`, `other_body`, `time`.
    """
    if not token:
        raise ProofRefused("missing", "Send the header DPoP with a proof by the device key.")
    try:
        key, claims = _opened(token)
        outpost = outpost_id(key)
    except (ValueError, TypeError, KeyError, RecursionError):
        raise ProofRefused("malformed", "The DPoP proof is not in the form it must have.") from None
    signed, _, signature = token.rpartition(".")
    if not verifies(key, signature, signed.encode()):
        raise ProofRefused("signature", "The DPoP proof is not signed by the key it names.")
    if (claims["htm"], claims["htu"]) != (method, url):
        raise ProofRefused("other_request", f"The DPoP proof is not for {method} {url}.")
    if claims["body"] != b64url(hashlib.sha256(body).digest()):
        raise ProofRefused("other_body", "The DPoP proof is for another body.")
    if abs(now.timestamp() - claims["iat"]) > WITHIN.total_seconds():
        raise ProofRefused("time", "The DPoP proof is too old, or the clock of the host is wrong.")
    return Proof(key, outpost, claims["jti"])


def _opened(token: str) -> tuple[str, dict[str, Any]]:
    """The key and the claims of a compact JWS; nothing of it is verified yet."""
    if len(token) > LONGEST or not token.isascii():
        raise ValueError("too long")
    header, claims, _signature = token.split(".")
    said, found = parsed(unb64url(header)), parsed(unb64url(claims))
    jwk = said["jwk"]
    if said != {"typ": "dpop+jwt", "alg": "EdDSA", "jwk": jwk}:
        raise ValueError("header")
    if jwk != {"kty": "OKP", "crv": "Ed25519", "x": jwk["x"]} or type(jwk["x"]) is not str:
        raise ValueError("jwk")
    if type(found) is not dict or found.keys() != _CLAIMS or type(found["iat"]) is not int:
        raise ValueError("claims")
    if not 0 <= found["iat"] < _AFTER_ALL_TIME:
        raise ValueError("iat")
    if not all(type(found[name]) is str for name in _CLAIMS - {"iat"}):
        raise ValueError("claims")
    if not _JTI.fullmatch(found["jti"]):
        raise ValueError("jti")
    return jwk["x"], found


def is_first_use(key: str, jti: str, now: datetime) -> bool:
    """Note that a proof was used, and forget those that nobody could use again.

    Args:
        key: what names the key that signed it: an outpost's id, or an RFC 7638 thumbprint.
    """
    SeenProof.objects.filter(at__lt=now - REMEMBERED).delete()
    digest = hashlib.sha256(f"{key}\n{jti}".encode()).hexdigest()
    try:
        with transaction.atomic():
            SeenProof.objects.create(digest=digest, at=now)
    except IntegrityError:
        return False
    return True
