"""The evidence store: bodies that prove what an event claims, content-addressed and encrypted.

A body lies in `VAR_DIR/evidence/` under its SHA-256, encrypted (AES-256-GCM) with the key of the
person it is about; those keys lie in `VAR_DIR/evidence-keys/`, wrapped by `EVIDENCE_KEY` and
outside the main database. Erasing a person destroys one key file; digests in the ledger stay.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import secrets
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings
from django.db import transaction

from audit import clock
from audit.db.durable_files import sync_folder, write_durably
from audit.evidence import subject_keys
from audit.evidence.subject_keys import EvidenceError as EvidenceError
from audit.ledger.format.canonical import canonical
from audit.models import EvidenceItem
from audit.recording.actors import EvidenceRef

KINDS = (
    "id_token",
    "approval_token",
    "issuer_keys",
    "issuer_discovery",
    "assertion",
    "acknowledgement",
)
_KEY_ID = 8
_DESTROYED = "the key of the person this was about has been destroyed"


class EvidenceMissing(EvidenceError):
    """No body of that digest was ever stored, or its file is gone."""


class EvidenceErased(EvidenceError):
    """The key of the person it was about has been destroyed."""


class NotReleasable(EvidenceError):
    """A token that still opens something; it is shown after `not_before_release`."""


def put(
    kind: str,
    body: bytes,
    subject_key: str = "",
    *,
    not_before_release: datetime | None = None,
    name: str = "",
) -> EvidenceRef:
    """Store a body and return its reference; storing the same body again changes nothing.

    Tokens (`id_token`, `approval_token`) are releasable after their own `exp`, unless stated
    otherwise. The file is durable before the row, so a row never points at nothing; it gets its
    name once the row is committed, so a body that a crash left alone is not taken for one whose
    row was deleted.

    Raises:
        ValueError: `kind` is not one of KINDS.
        EvidenceError: EVIDENCE_KEY is missing or does not open the person's key.
    """
    if kind not in KINDS:
        raise ValueError(f"evidence kind {kind!r} is not one of {', '.join(KINDS)}")
    digest = hashlib.sha256(body).hexdigest()
    reference = EvidenceRef(kind, digest)
    if EvidenceItem.objects.filter(digest=digest).exists():
        return reference
    if not_before_release is None and kind.endswith("_token"):
        not_before_release = token_expiry(body)
    key = _subject_key(subject_key, create=True)
    write_durably(_draft_path(digest), _key_id(key) + subject_keys.seal(key, body, digest))
    EvidenceItem.objects.bulk_create(
        [
            EvidenceItem(
                digest=digest,
                kind=kind,
                subject=subject_key,
                name=name,
                not_before_release=not_before_release,
                created=clock.now(),
            )
        ],
        ignore_conflicts=True,
    )
    transaction.on_commit(lambda: _name(digest))
    return reference


def _name(digest: str) -> None:
    draft = _draft_path(digest)
    with suppress(FileNotFoundError):  # somebody else stored the same body and was first
        draft.rename(_final_path(digest))
        sync_folder(draft.parent)


def get(digest: str) -> bytes:
    """Return a body, for verification inside the portal.

    Raises:
        EvidenceMissing, EvidenceErased: there is nothing to return.
        EvidenceError: the file or a key was altered, or EVIDENCE_KEY is another one.
    """
    item = EvidenceItem.objects.filter(digest=digest).first()
    path = _body_path(digest)
    if item is None or not path.exists():
        raise EvidenceMissing(f"no evidence {digest} is stored; restore VAR_DIR/evidence")
    key, sealed = _subject_key(item.subject, create=False), path.read_bytes()
    if sealed[:_KEY_ID] != _key_id(key):
        raise EvidenceErased(_DESTROYED)
    body = subject_keys.unseal(key, sealed[_KEY_ID:], digest)
    if hashlib.sha256(body).hexdigest() != digest:
        raise EvidenceError(f"evidence {digest} has been replaced by another body")
    return body


def release(digest: str, now: datetime) -> bytes:
    """Return a body to a reader.

    Raises:
        NotReleasable: it is a token that has not expired yet.
        EvidenceError: as `get`.
    """
    item = EvidenceItem.objects.filter(digest=digest).first()
    if item and item.not_before_release and now < item.not_before_release:
        raise NotReleasable(f"this token is shown after {item.not_before_release.isoformat()}")
    return get(digest)


def bodies(digests: Iterable[str]) -> dict[str, bytes]:
    """Bodies of the digests that can still be read, decrypted once per process."""
    found = {}
    _forget_after_an_erasure()
    for digest in digests:
        try:
            found[digest] = _kept(digest)
        except EvidenceError:
            continue
    return found


@lru_cache(maxsize=1024)
def _kept(digest: str) -> bytes:
    return get(digest)


_folder_then = 0


def _forget_after_an_erasure() -> None:
    """Keys come and go in one folder: when it changed, another process may have destroyed one."""
    global _folder_then
    try:
        changed = subject_keys.path_of("").parent.stat().st_mtime_ns
    except OSError:
        changed = 0
    if changed != _folder_then:
        _kept.cache_clear()
        _folder_then = changed


def has_key(subject_key: str) -> bool:
    """Whether any body about this person can still be read."""
    return bool(subject_key) and subject_keys.path_of(subject_key).exists()


def erase_subject(subject_key: str) -> bool:
    """Destroy a person's evidence key, so that no body about them can be read; False if none.

    Raises:
        ValueError: the empty key, which belongs to nobody.
    """
    if not subject_key:
        raise ValueError("bodies that are about no one have no one to be erased for")
    path = subject_keys.path_of(subject_key)
    with subject_keys.held():  # so that nobody who wraps keys anew brings it back
        if not path.exists():
            _empty_bodies(subject_key)
            return False
        # Overwritten first: unlinking alone leaves the wrapped key in the free space of the disk.
        with path.open("r+b") as handle:
            handle.write(secrets.token_bytes(path.stat().st_size))
            handle.flush()
            os.fsync(handle.fileno())
        path.unlink()
        sync_folder(path.parent)
    _kept.cache_clear()
    _empty_bodies(subject_key)
    return True


def _empty_bodies(subject_key: str) -> None:
    """Leave of a person's bodies only which key sealed them: that tells erased from lost."""
    current = _current(subject_key)
    for digest in EvidenceItem.objects.filter(subject=subject_key).values_list("digest", flat=True):
        path = _body_path(digest)
        if not path.exists() or sealed_with(digest) == current:
            continue  # one that was stored after an erasure, when the person came back
        with path.open("r+b") as handle:
            handle.seek(_KEY_ID)
            handle.write(secrets.token_bytes(max(0, path.stat().st_size - _KEY_ID)))
            handle.flush()
            os.fsync(handle.fileno())
            handle.truncate(_KEY_ID)
            os.fsync(handle.fileno())


def _current(subject_key: str) -> bytes | None:
    try:
        return _key_id(_subject_key(subject_key, create=False))
    except EvidenceError:
        return None


def put_issuer_keys(iss: str, jwks: Mapping[str, Any]) -> EvidenceRef:
    """Keep a snapshot of an issuer's public keys (RFC 7517); an unchanged set is stored once."""
    body = canonical({"iss": iss, "keys": list(jwks.get("keys", []))})
    return put("issuer_keys", body, name=iss)


def put_issuer_discovery(iss: str, document: Mapping[str, Any]) -> EvidenceRef:
    """Keep what an issuer's discovery document said (OpenID Connect Discovery 1.0 section 3)."""
    body = canonical({"iss": iss, "discovery": dict(document)})
    return put("issuer_discovery", body, name=iss)


def issuer_keys(iss: str) -> dict[str, Any]:
    """All keys ever snapshotted for an issuer as one JWKS, newest first; `keys` may be empty.

    A snapshot that cannot be read any more is left out: levels fall, and pages still answer.
    """
    items = EvidenceItem.objects.filter(kind="issuer_keys", name=iss).order_by("-created")
    keys: dict[bytes, Any] = {}
    for body in bodies(items.values_list("digest", flat=True)).values():
        for key in json.loads(body)["keys"]:
            keys.setdefault(canonical(key), key)
    return {"keys": list(keys.values())}


class IssuerKeys(Mapping[str, dict[str, Any]]):
    """`issuer_keys` of every issuer that has a snapshot, read when first asked for."""

    def __init__(self) -> None:
        self._read: dict[str, dict[str, Any]] = {}

    def __getitem__(self, iss: str) -> dict[str, Any]:
        keys = self._read.get(iss) or issuer_keys(iss)
        if not keys["keys"]:
            raise KeyError(iss)
        self._read[iss] = keys
        return keys

    def __iter__(self) -> Iterator[str]:
        items = EvidenceItem.objects.filter(kind="issuer_keys")
        return iter(items.order_by("name").values_list("name", flat=True).distinct())

    def __len__(self) -> int:
        return sum(1 for _ in self)


def token_expiry(token: bytes) -> datetime | None:
    """`exp` of a JWT without verifying it; None where there is none."""
    try:
        return datetime.fromtimestamp(int((claims_of(token) or {})["exp"]), UTC)
    except (KeyError, TypeError, ValueError, OverflowError):
        return None


def claims_of(token: bytes) -> dict[str, Any] | None:
    """The payload of a JWT without verifying it; None for anything else."""
    try:
        payload = token.split(b".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + b"=" * (-len(payload) % 4)))
    except (IndexError, ValueError, RecursionError):
        return None
    return claims if isinstance(claims, dict) else None


def opens(item: EvidenceItem) -> bool:
    """Whether the key that seals the body is there; also for a body that is missing."""
    try:
        key = _subject_key(item.subject, create=False)
    except EvidenceError:
        return False
    sealed = sealed_with(item.digest)
    return not sealed or sealed == _key_id(key)


def is_erased(item: EvidenceItem) -> bool:
    """Whether the key of a body was destroyed; not where a key cannot be read just now."""
    try:
        key = _subject_key(item.subject, create=False)
    except EvidenceErased:
        return True
    except EvidenceError:
        return False
    return sealed_with(item.digest) not in {b"", _key_id(key)}


def sealed_with(digest: str) -> bytes:
    """Identifier of the key that seals a body; empty where the body is missing."""
    try:
        with _body_path(digest).open("rb") as file:
            return file.read(_KEY_ID)
    except OSError:
        return b""


def key_owners() -> Iterator[tuple[bytes, str]]:
    """Each key's identifier with the person (`subject_key`) it belongs to; "" is the common one.

    A key that does not open is left out.
    """
    for path in subject_keys.paths():
        subject = "" if path.name == subject_keys.COMMON else path.name
        try:
            yield _key_id(_subject_key(subject, create=False)), subject
        except EvidenceError:
            continue


def forget_read() -> None:
    """Forget bodies in memory, so that a verification reads them from their files."""
    _kept.cache_clear()


def _subject_key(subject: str, *, create: bool) -> bytes:
    if len(settings.EVIDENCE_KEY) != 32:
        raise EvidenceError("EVIDENCE_KEY must be 32 bytes; set it to 64 hex digits")
    path = subject_keys.path_of(subject)
    if not path.exists():
        if not create:
            raise EvidenceErased(_DESTROYED)
        subject_keys.refuse_retired()
        fresh = subject_keys.seal(settings.EVIDENCE_KEY, AESGCM.generate_key(256), path.name)
        write_durably(path, fresh, replace=False)  # of two writers the first one's key stays
    return subject_keys.unwrap(path.read_bytes(), path.name)


def _key_id(key: bytes) -> bytes:
    # Tells a body whose key was destroyed from one that was altered, once a new key exists.
    return hashlib.sha256(b"ata.evidence-key.v1\n" + key).digest()[:_KEY_ID]


def _body_path(digest: str) -> Path:
    """Where a body is; a crash between its row and its name leaves it under the draft's."""
    final, draft = _final_path(digest), _draft_path(digest)
    return draft if draft.exists() and not final.exists() else final


def _final_path(digest: str) -> Path:
    folder: Path = settings.VAR_DIR / "evidence" / digest[:2]
    return folder / digest


def _draft_path(digest: str) -> Path:
    return _final_path(digest).with_suffix(".draft")
