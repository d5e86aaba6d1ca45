"""Proof Key for Code Exchange, S256 only (RFC 7636), and the other one-time values."""

from __future__ import annotations

import base64
import hashlib
import secrets
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Pkce:
    """A verifier to keep and its challenge to send."""

    verifier: str = field(repr=False)
    challenge: str

    @classmethod
    def create(cls) -> Pkce:
        """A fresh pair with 256 bits of entropy."""
        return cls.of(secrets.token_urlsafe(32))

    @classmethod
    def of(cls, verifier: str) -> Pkce:
        """The pair for a known verifier of 43 to 128 unreserved characters."""
        digest = hashlib.sha256(verifier.encode("ascii")).digest()
        return cls(verifier, base64.urlsafe_b64encode(digest).rstrip(b"=").decode())


def one_time_value() -> str:
    """A fresh ``state`` or ``nonce`` with 256 bits of entropy."""
    return secrets.token_urlsafe(32)
