"""The outpost's device key (Ed25519), and what it signs: requests, reports, journal of commands.

A request is proven by a DPoP JWT (RFC 9449) that also names the body. A report has a signature of
its own over its canonical bytes, so that it can be kept as evidence.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ata.errors import AtaError
from audit.ledger.format.canonical import canonical

REPORT: Final = "ata.outpost.report.v1"
_RECORD: Final = b"ata.outpost.command_journal.v1\n"
_KEY_BYTES: Final = 32


def b64url(raw: bytes) -> str:
    """Unpadded base64url (RFC 7515 appendix C)."""
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


@dataclass(frozen=True, slots=True, repr=False)
class DeviceKey:
    """A device key; nothing of the secret part shows in `repr`."""

    _key: Ed25519PrivateKey

    @property
    def public_key(self) -> str:
        """The public key: base64url of its 32 raw bytes."""
        return b64url(self._key.public_key().public_bytes_raw())

    @property
    def outpost(self) -> str:
        """The outpost's id: the first 32 hex digits of the SHA-256 of the raw public key."""
        return hashlib.sha256(self._key.public_key().public_bytes_raw()).hexdigest()[:32]

    def proof(self, url: str, body: bytes, issued_at: int, method: str = "POST") -> str:
        """A DPoP proof for one request with `body` to `url`; each try needs a new one.

        Args:
            url: without its query (RFC 9449 section 4.2).
            issued_at: seconds since the epoch.
        """
        jwk = {"kty": "OKP", "crv": "Ed25519", "x": self.public_key}
        claims = {
            "htm": method,
            "htu": url,
            "iat": issued_at,
            "jti": secrets.token_urlsafe(16),
            "body": b64url(hashlib.sha256(body).digest()),
        }
        header = {"typ": "dpop+jwt", "alg": "EdDSA", "jwk": jwk}
        signed = f"{b64url(canonical(header))}.{b64url(canonical(claims))}"
        return f"{signed}.{b64url(self._key.sign(signed.encode()))}"

    def sign_report(self, report: Mapping[str, Any]) -> str:
        """The signature of a report, base64url."""
        return b64url(self._key.sign(f"{REPORT}\n".encode() + canonical(report)))

    def sign_record(self, record: bytes) -> str:
        """The signature of a line of the journal of commands, base64url."""
        return b64url(self._key.sign(_RECORD + record))

    def has_signed_record(self, record: bytes, signature: str) -> bool:
        """Whether this key signed a line of the journal of commands."""
        try:
            raw = urlsafe_b64decode(signature + "=" * (-len(signature) % 4))
            self._key.public_key().verify(raw, _RECORD + record)
        except (InvalidSignature, ValueError):
            return False
        return True


def load(path: Path) -> DeviceKey | None:
    """The key in a file, None where there is none.

    Raises:
        AtaError: `key_exposed` where others own, read or may change it, `key_unreadable`.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _unreadable(path, str(error.strerror)) from error
    with os.fdopen(descriptor, "rb") as stream:
        status = os.fstat(stream.fileno())
        if status.st_uid != os.geteuid() or status.st_mode & 0o777 != 0o600:
            raise AtaError(
                f"The device key {path} has to be yours with mode 0600; it was not used.",
                code="key_exposed",
                fix="If others may have read it, have the outpost revoked and enrol a new one; "
                f"else run `chmod 600 {path}`.",
            )
        raw = stream.read(_KEY_BYTES + 1)
    if len(raw) != _KEY_BYTES:
        raise _unreadable(path, "it does not hold a key")
    return DeviceKey(Ed25519PrivateKey.from_private_bytes(raw))


def make(path: Path) -> DeviceKey:
    """Make a key and write it to a new file, mode 0600."""
    key = Ed25519PrivateKey.generate()
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        os.fchmod(stream.fileno(), 0o600)
        stream.write(key.private_bytes_raw())
        stream.flush()
        os.fsync(stream.fileno())
    return DeviceKey(key)


def _unreadable(path: Path, why: str) -> AtaError:
    return AtaError(
        f"The device key {path} cannot be used: {why}.",
        code="key_unreadable",
        fix="Have the outpost revoked, remove the file and enrol a new one.",
    )
