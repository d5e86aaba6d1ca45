"""The keys that seal evidence, one per person, each wrapped by `EVIDENCE_KEY`.

While `EVIDENCE_KEY` changes, what the one before wrapped opens too; once everything is wrapped
again the old one is retired and opens nothing, wherever it is still configured.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings

from audit.db.durable_files import lock, write_durably

COMMON = "common"  # key name of bodies that are about nobody
_NONCE = 12


class EvidenceError(Exception):
    """The store cannot answer; the message says what to do."""


def seal(key: bytes, body: bytes, bound_to: str) -> bytes:
    nonce = secrets.token_bytes(_NONCE)
    return nonce + AESGCM(key).encrypt(nonce, body, bound_to.encode())


def unseal(key: bytes, sealed: bytes, bound_to: str) -> bytes:
    try:
        return AESGCM(key).decrypt(sealed[:_NONCE], sealed[_NONCE:], bound_to.encode())
    except (InvalidTag, ValueError):
        raise EvidenceError(
            f"{bound_to} does not open: the file was altered or EVIDENCE_KEY is not the one it "
            "was sealed with; restore the key or the file"
        ) from None


def unwrap(sealed: bytes, name: str) -> bytes:
    """A person's key; one of before a change of EVIDENCE_KEY opens until the change is done."""
    try:
        return unseal(settings.EVIDENCE_KEY, sealed, name)
    except EvidenceError:
        previous: bytes = settings.EVIDENCE_KEY_PREVIOUS
        if len(previous) == 32 and not is_retired(previous):
            return unseal(previous, sealed, name)
        refuse_retired()
        raise


def rewrap(path: Path) -> bool:
    """Wrap a person's key under EVIDENCE_KEY; False where it is already, or is gone.

    Raises:
        EvidenceError: neither EVIDENCE_KEY nor the one before opens it.
    """
    with held():
        if not path.exists():
            return False
        sealed = path.read_bytes()
        try:
            unseal(settings.EVIDENCE_KEY, sealed, path.name)
            return False
        except EvidenceError:
            key = unseal(settings.EVIDENCE_KEY_PREVIOUS, sealed, path.name)
        write_durably(path, seal(settings.EVIDENCE_KEY, key, path.name))
    return True


def retire(key: bytes) -> None:
    """Let an EVIDENCE_KEY open nothing from now on, wherever it is still configured."""
    known = _retired_file().read_text() if _retired_file().exists() else ""
    write_durably(_retired_file(), f"{known}{_fingerprint(key)}\n".encode())


def is_retired(key: bytes) -> bool:
    """Whether this EVIDENCE_KEY was replaced and everything is wrapped again."""
    path = _retired_file()
    return path.exists() and _fingerprint(key) in path.read_text().split()


def refuse_retired() -> None:
    if is_retired(settings.EVIDENCE_KEY):
        raise EvidenceError("EVIDENCE_KEY is one that was replaced; set the new one and restart")


def _fingerprint(key: bytes) -> str:
    return hashlib.sha256(b"ata.evidence-key.retired.v1\n" + key).hexdigest()


def _retired_file() -> Path:
    return path_of(".retired")


@contextmanager
def held() -> Iterator[None]:
    """Be the only one that replaces or destroys keys of persons.

    Raises:
        EvidenceError: another process did so all the time.
    """
    place = path_of(".lock")
    place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with place.open("w") as handle:
        try:
            lock(handle)
        except TimeoutError as error:
            raise EvidenceError(str(error)) from None
        yield


def paths() -> list[Path]:
    """Files of the persons' keys."""
    return sorted(path_of("").parent.glob("[!.]*"))


def path_of(subject: str) -> Path:
    folder: Path = settings.VAR_DIR / "evidence-keys"
    return folder / (subject or COMMON)


def rewrap_all() -> int:
    """Wrap every key under EVIDENCE_KEY; returns how many were. A killed run is simply repeated.

    Raises:
        EvidenceError: a key opens with neither EVIDENCE_KEY nor the one before.
    """
    count = 0
    while some := sum(rewrap(path) for path in paths()):
        count += some  # a process of before may have made one meanwhile
    return count
