"""AES-GCM for the short-lived secrets; the key is derived from EVIDENCE_KEY (RFC 5869)."""

from __future__ import annotations

import os
from contextlib import suppress
from datetime import datetime

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

from approvals.models import ShortLivedSecret


class SecretGone(LookupError):
    """No such secret, expired, or sealed under another key."""


def _box(secret: bytes | None = None) -> AESGCM:
    kdf = HKDF(hashes.SHA256(), 32, salt=None, info=b"ata.short-lived.v1")
    return AESGCM(kdf.derive(secret or settings.EVIDENCE_KEY))


def keep(kind: str, ref: str, value: str, *, expires: datetime) -> None:
    """Seal `value` until `expires`; a second call replaces the first."""
    nonce = os.urandom(12)
    sealed = nonce + _box().encrypt(nonce, value.encode(), f"{kind}\n{ref}".encode())
    ShortLivedSecret.objects.update_or_create(
        kind=kind, ref=ref, defaults={"ciphertext": sealed, "expires": expires}
    )


def read(kind: str, ref: str) -> str:
    """Open a secret.

    Raises:
        SecretGone: it is not there any more, or the key changed.
    """
    row = ShortLivedSecret.objects.filter(kind=kind, ref=ref).first()
    if row is None:
        raise SecretGone(kind)
    sealed = bytes(row.ciphertext)
    # While EVIDENCE_KEY changes, what is due may still be sealed with the one before.
    for secret in filter(None, (settings.EVIDENCE_KEY, settings.EVIDENCE_KEY_PREVIOUS)):
        with suppress(InvalidTag):
            opened = _box(secret).decrypt(sealed[:12], sealed[12:], f"{kind}\n{ref}".encode())
            return opened.decode()
    raise SecretGone(kind)


def drop(kind: str, ref: str) -> None:
    """Forget a secret."""
    ShortLivedSecret.objects.filter(kind=kind, ref=ref).delete()


def count(kind: str, prefix: str, moment: datetime) -> int:
    """How many secrets of a kind are not past their time, of those whose `ref` starts so."""
    found = ShortLivedSecret.objects.filter(kind=kind, ref__startswith=prefix, expires__gte=moment)
    return found.count()


def drop_expired(moment: datetime) -> int:
    """Forget every secret past its time; returns how many."""
    return ShortLivedSecret.objects.filter(expires__lt=moment).delete()[0]
