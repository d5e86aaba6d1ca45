"""Encryption of the provider tokens a vault has to keep.

AES-256-GCM; the key is derived from the tenant's secret key (HKDF-SHA256) and the sealed value is
bound to the account it belongs to, so a row copied to another account does not open.
"""

from __future__ import annotations

import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

_NONCE_BYTES = 12


class SealError(ValueError):
    """A sealed value was altered, moved to another account, or sealed under another key."""


def seal(secret: str, bound_to: str) -> bytes:
    """Encrypt `secret`; it opens only for the same `bound_to`."""
    nonce = secrets.token_bytes(_NONCE_BYTES)
    return nonce + AESGCM(_key()).encrypt(nonce, secret.encode(), bound_to.encode())


def unseal(sealed: bytes, bound_to: str) -> str:
    """Decrypt what `seal` made.

    Raises:
        SealError: it was not sealed by this tenant for `bound_to`.
    """
    nonce, body = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
    try:
        return AESGCM(_key()).decrypt(nonce, body, bound_to.encode()).decode()
    except InvalidTag:
        raise SealError("the sealed token does not belong to this account or tenant") from None


def _key() -> bytes:
    return HKDF(SHA256(), 32, salt=None, info=b"tenant vault v1").derive(
        settings.SECRET_KEY.encode()
    )
