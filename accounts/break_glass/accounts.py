"""Break-glass accounts: a long random secret, a TOTP (RFC 6238) and one-time recovery codes.

Nobody chooses a secret. What is kept is sealed or keyed by EVIDENCE_KEY, which is not in the
database: writing to the database alone makes no account that opens.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from base64 import b32encode
from dataclasses import dataclass

import pyotp
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.db import transaction

from accounts.break_glass.sessions import KIND, end_all
from accounts.models import BreakGlassAccount, BreakGlassTries
from approvals import clock
from audit.recording.actors import SYSTEM, Target
from audit.recording.record import record

RECOVERY_CODES = 8


@dataclass(frozen=True, slots=True)
class Handed:
    """What the person gets once, and nobody can read again."""

    account: BreakGlassAccount
    secret: str
    totp_secret: str
    recovery: tuple[str, ...]

    def __repr__(self) -> str:
        return f"Handed({self.account.name})"

    @property
    def totp_uri(self) -> str:
        """`otpauth://…` for an authenticator app."""
        return pyotp.TOTP(self.totp_secret).provisioning_uri(
            name=self.account.name, issuer_name=f"Auth0-ATA break-glass {settings.PORTAL_URL}"
        )


def create(name: str) -> Handed:
    """Make an account; `breakglass.changed` is recorded.

    Raises:
        ValueError: the name is taken.
    """
    secret, totp = _random(), pyotp.random_base32()
    recovery = tuple(_random(10) for _ in range(RECOVERY_CODES))
    with transaction.atomic():
        if BreakGlassAccount.objects.filter(name=name).exists():
            raise ValueError(f"There is an account {name} already; remove it first.")
        account = BreakGlassAccount.objects.create(
            name=name,
            secret_mac=_mac(name, "secret", secret),
            totp_sealed=_seal(name, totp),
            recovery_macs=[_mac(name, "recovery", code) for code in recovery],
            created=clock.now(),
        )
        _changed(name, "created")
    return Handed(account, secret, totp, recovery)


def remove(name: str) -> bool:
    """Delete an account and end its sessions; whether there was one."""
    with transaction.atomic():
        gone, _ = BreakGlassAccount.objects.filter(name=name).delete()
        if gone:
            end_all(name)
            _changed(name, "removed")
    return bool(gone)


def unlock(name: str) -> bool:
    """Let an account try again, and forget the failures of this minute; whether there is one."""
    with transaction.atomic():
        found = BreakGlassAccount.objects.filter(name=name).update(failures=0, locked_until=None)
        if found:
            BreakGlassTries.objects.all().delete()
            _changed(name, "unlocked")
    return bool(found)


def knows_secret(account: BreakGlassAccount, secret: str) -> bool:
    """Whether this is the account's secret, in constant time."""
    return hmac.compare_digest(account.secret_mac, _mac(account.name, "secret", _plain(secret)))


def open_totp(account: BreakGlassAccount) -> str:
    """The TOTP secret; empty when it is sealed under another key or for another name."""
    sealed = bytes(account.totp_sealed)
    try:
        return _box().decrypt(sealed[:12], sealed[12:], account.name.encode()).decode()
    except (InvalidTag, ValueError):
        return ""


def recovery_mac(name: str, code: str) -> str:
    """How a recovery code is kept."""
    return _mac(name, "recovery", _plain(code))


def address_mac(ip: str) -> str:
    """How the address of a caller is kept while its tries of a minute are counted."""
    return _mac("", "address", ip)


def _random(size: int = 20) -> str:
    """`size` bytes in groups of four letters and digits that are easy to read aloud."""
    text = b32encode(secrets.token_bytes(size)).decode().lower()
    return "-".join(text[at : at + 4] for at in range(0, len(text), 4))


def _plain(text: str) -> str:
    """As it was handed out, however it was typed."""
    letters = "".join(text.lower().replace("-", "").split())
    return "-".join(letters[at : at + 4] for at in range(0, len(letters), 4))


def _key(purpose: str) -> bytes:
    kdf = HKDF(hashes.SHA256(), 32, salt=None, info=f"ata.break-glass.{purpose}.v1".encode())
    return kdf.derive(settings.EVIDENCE_KEY)


def _mac(name: str, what: str, value: str) -> str:
    text = f"{what}\n{name}\n{value}"
    return hmac.new(_key("mac"), text.encode("utf-8", "replace"), hashlib.sha256).hexdigest()


def _box() -> AESGCM:
    return AESGCM(_key("totp"))


def _seal(name: str, value: str) -> bytes:
    nonce = os.urandom(12)
    return nonce + _box().encrypt(nonce, value.encode(), name.encode())


def _changed(name: str, what: str) -> None:
    record(SYSTEM, "breakglass.changed", target=Target(KIND, name), data={"what": what})
