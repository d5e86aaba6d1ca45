"""Device keys of outposts: Ed25519 and nothing else, public keys as base64url of 32 raw bytes."""

from __future__ import annotations

import hashlib
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

_ALPHABET: Final = re.compile(r"[A-Za-z0-9_-]*")
KEY_BYTES: Final = 32
SIGNATURE_BYTES: Final = 64


def unb64url(text: str) -> bytes:
    """The bytes of unpadded base64url (RFC 7515 appendix C), in its one spelling.

    Raises:
        ValueError: another alphabet, padding, or bits beyond the last byte.
    """
    if not _ALPHABET.fullmatch(text):
        raise ValueError("it is not base64url without padding")
    raw = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if b64url(raw) != text:
        raise ValueError("it is not the one spelling of its bytes")
    return raw


def b64url(raw: bytes) -> str:
    """Unpadded base64url."""
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def outpost_id(public_key: str) -> str:
    """The id of the outpost with this key: the first 32 hex digits of the raw key's SHA-256.

    Raises:
        ValueError: it is not a key in this form.
    """
    return hashlib.sha256(_raw(public_key, KEY_BYTES)).hexdigest()[:32]


def verifies(public_key: str, signature: str, signed: bytes) -> bool:
    """Whether a signature (base64url, RFC 8032) is this key's over exactly these bytes."""
    try:
        key = Ed25519PublicKey.from_public_bytes(_raw(public_key, KEY_BYTES))
        key.verify(_raw(signature, SIGNATURE_BYTES), signed)
    except (ValueError, InvalidSignature):
        return False
    return True


def _raw(text: str, size: int) -> bytes:
    raw = unb64url(text)
    if len(raw) != size:
        raise ValueError(f"it has {len(raw)} bytes instead of {size}")
    return raw
