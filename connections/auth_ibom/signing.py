"""The signature over the document, inside it (JSON Signature Format 0.82, as CycloneDX names it).

The message is the RFC 8785 form of the document with its `signature` but without the value in it.
The key is the log's own: who knows the log knows who signed.
"""

from __future__ import annotations

from base64 import urlsafe_b64encode
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audit.keys import keyring, log_identity
from audit.ledger import note
from audit.ledger.format.canonical import canonical


def sign(document: dict[str, Any]) -> dict[str, Any]:
    """The document with a signature of the log's key.

    Raises:
        LedgerIdentityError: the log has no key, or its keys are of another name than its own.
    """
    keyring.read()
    seed = log_identity.seed()
    head = {
        "algorithm": "Ed25519",
        "keyId": log_identity.vkey(),
        "publicKey": {"kty": "OKP", "crv": "Ed25519", "x": _text(note.public_key(seed))},
    }
    message = canonical(document | {"signature": head})
    value = Ed25519PrivateKey.from_private_bytes(seed).sign(message)
    return document | {"signature": head | {"value": _text(value)}}


def _text(value: bytes) -> str:
    return urlsafe_b64encode(value).rstrip(b"=").decode()
