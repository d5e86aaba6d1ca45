"""The key that signs commands to outposts and nothing else: Ed25519, next to the keys of the log.

The seed is generated once into `VAR_DIR/ledger/key.outpost-commands`, base64, mode 0600. An outpost
pins the public key when it enrols. Where the file is lost, the next key is another one, and each
outpost has to enrol again before it gets commands.
"""

from __future__ import annotations

from base64 import urlsafe_b64encode
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audit.keys import log_identity


def key_file() -> Path:
    """Where the seed is."""
    return log_identity.folder() / "key.outpost-commands"


def public_key() -> str:
    """The public key, base64url of its 32 bytes; generated at the first call.

    Raises:
        LedgerIdentityError: the file is not a seed, or cannot be read or written.
    """
    return _text(_key().public_key().public_bytes_raw())


def sign(signed: bytes) -> str:
    """The signature over these bytes (RFC 8032), base64url.

    Raises:
        LedgerIdentityError: as `public_key`.
    """
    return _text(_key().sign(signed))


def _key() -> Ed25519PrivateKey:
    path = key_file()
    if not path.exists():
        log_identity.generate(path)
    return Ed25519PrivateKey.from_private_bytes(log_identity.read_seed(path))


def _text(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()
