"""Signing keys: kept in the database, rotated by command, published as a JWKS."""

from __future__ import annotations

import base64
import hashlib
from datetime import timedelta
from functools import lru_cache
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from joserfc.jwk import KeySet, RSAKey

from local.tenant import clock
from local.tenant.models import SigningKey

PUBLISHED = 2


def rotate() -> str:
    """Make a new signing key and return its ``kid``; the previous one stays published.

    Keys older than the previous one leave the key set, as after Auth0's revoke.
    """
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    der = _certificate(private).public_bytes(serialization.Encoding.DER)
    pem = private.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()
    kid = str(RSAKey.import_key(pem).thumbprint())
    now = clock.now()
    SigningKey.objects.create(
        kid=kid, pem=pem, certificate=base64.b64encode(der).decode(), issued_at=now
    )
    keep = [key.kid for key in _published()[:PUBLISHED]]
    SigningKey.objects.filter(revoked_at=None).exclude(kid__in=keep).update(revoked_at=now)
    return kid


def signing_key() -> SigningKey:
    """The key that signs now, made on first use."""
    published = _published()
    if not published:
        rotate()
        published = _published()
    return published[0]


def private_key(key: SigningKey) -> RSAKey:
    """The private JWK of a stored key, for signing."""
    return _parsed(key.pem, key.kid)


def verification_keys() -> KeySet:
    """All published keys, for verifying tokens of this tenant."""
    return KeySet([_parsed(key.pem, key.kid) for key in _published()])


def jwks() -> dict[str, Any]:
    """The published key set in Auth0's form (``use``, ``alg``, ``x5c``, ``x5t``)."""
    signing_key()
    return {"keys": [_public_jwk(key) for key in _published()]}


def pems() -> list[tuple[str, Any]]:
    """(PEM, issue time) of every published key, newest first."""
    return [(key.pem, key.issued_at) for key in _published()]


@lru_cache(maxsize=8)
def _parsed(pem: str, kid: str) -> RSAKey:
    # Parsing checks the whole RSA key, some 20 ms: far more than verifying with it.
    return RSAKey.import_key(pem, {"kid": kid})


def _published() -> list[SigningKey]:
    return list(SigningKey.objects.filter(revoked_at=None).order_by("-issued_at"))


def _public_jwk(key: SigningKey) -> dict[str, Any]:
    public = _parsed(key.pem, key.kid).as_dict(private=False)
    thumbprint = hashlib.sha1(base64.b64decode(key.certificate), usedforsecurity=False).digest()
    return {
        "kty": "RSA",
        "use": "sig",
        "alg": "RS256",
        "kid": key.kid,
        "n": public["n"],
        "e": public["e"],
        "x5c": [key.certificate],
        "x5t": base64.urlsafe_b64encode(thumbprint).rstrip(b"=").decode(),
    }


def _certificate(private: rsa.RSAPrivateKey) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "local tenant")])
    now = clock.now()
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=3650))
        .sign(private, hashes.SHA256())
    )
