"""What a log signs, as tests sign and check it themselves."""

from __future__ import annotations

from base64 import urlsafe_b64decode
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from audit.ledger import checkpoint, note
from audit.ledger.format.canonical import canonical


def sign_checkpoint(origin: str, size: int, root: bytes, seed: bytes) -> str:
    """A checkpoint, signed by the Ed25519 key of that seed under the name of the log."""
    return note.sign(checkpoint.format(origin, size, root), origin, seed)


def is_signed(document: dict[str, Any], public_key: bytes) -> bool:
    """Whether the signature in a document (JSON Signature Format 0.82) is of that Ed25519 key."""
    signature = dict(document.get("signature", {}))
    value = urlsafe_b64decode(f"{signature.pop('value', '')}==")
    message = canonical(document | {"signature": signature})
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(value, message)
    except InvalidSignature:
        return False
    return bool(signature["algorithm"] == "Ed25519")
