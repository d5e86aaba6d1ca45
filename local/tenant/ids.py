"""Identifiers and secrets in Auth0's shapes."""

from __future__ import annotations

import hashlib
import secrets
import string

_ALPHABET = string.ascii_letters + string.digits


def new_id(prefix: str, length: int = 16) -> str:
    """A fresh public identifier: ``prefix`` and ``length`` letters and digits."""
    return prefix + "".join(secrets.choice(_ALPHABET) for _ in range(length))


def new_secret() -> str:
    """A fresh bearer secret with 256 bits of randomness, URL-safe."""
    return secrets.token_urlsafe(32)


def digest(secret: str) -> str:
    """SHA-256 of a bearer secret, hex: what is stored in its place."""
    return hashlib.sha256(secret.encode()).hexdigest()
