"""Who we are to an authenticator: the relying party (WebAuthn Level 2 section 4)."""

from __future__ import annotations

import hashlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from urllib.parse import urlsplit

from django.conf import settings

NAME = "Auth0-ATA"
ES256, EDDSA, RS256 = -7, -8, -257
ALGORITHMS = {ES256: "ES256", EDDSA: "EdDSA", RS256: "RS256"}  # COSE number -> name
_HANDLE = 22


def rp_id() -> str:
    """The host of PORTAL_URL: a key made for it signs at no other host."""
    return urlsplit(settings.PORTAL_URL).hostname or "localhost"


def origin() -> str:
    """The only web origin where a key may be used: scheme, host and port of PORTAL_URL."""
    parts = urlsplit(settings.PORTAL_URL)
    return f"{parts.scheme}://{parts.netloc}"


def handle_of(credential_id: str) -> str:
    """The short name of a credential in addresses and events: 128 bits of its SHA-256."""
    return b64url(hashlib.sha256(credential_id.encode()).digest())[:_HANDLE]


def short(handle: str) -> str:
    """The beginning of a handle, which two people compare: 48 bits."""
    return handle[:8]


def b64url(value: bytes) -> str:
    """Base64url without padding (RFC 4648 section 5), as WebAuthn's JSON has it."""
    return urlsafe_b64encode(value).rstrip(b"=").decode()


def unb64url(text: str) -> bytes:
    """The bytes of base64url without padding.

    Raises:
        ValueError: it is no such text, or another spelling of the same bytes.
    """
    value = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if b64url(value) != text:
        raise ValueError("not base64url in its one spelling")
    return value
