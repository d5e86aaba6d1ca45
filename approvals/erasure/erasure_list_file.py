"""The list of erasures outside the database, so that a restored older one is erased again.

`VAR_DIR/ledger/erasures` is append-only: one line an erasure, `HMAC JSON`, where the JSON holds
subject key, time and the entry index of the decision, and each HMAC-SHA256 covers the one before
it. So nobody without EVIDENCE_KEY adds a person, or takes one out of the middle.
"""

from __future__ import annotations

import hmac
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from django.conf import settings

from approvals import clock
from audit.db.durable_files import lock, sync_folder, write_durably
from audit.evidence import subject_keys
from audit.keys import log_identity
from audit.ledger.format.canonical import canonical

_LABEL = b"ata.erasures.v1"
_START = "0" * 64


class TombstonesDamaged(Exception):
    """A line does not belong to the list; the message names it and says what to do."""


@dataclass(frozen=True, slots=True)
class Tombstone:
    """One erasure: whose (subject key), decided at which entry, begun when (RFC 3339)."""

    subject: str
    index: int
    at: str


def path() -> Path:
    """Where the list is."""
    return log_identity.folder() / "erasures"


def add(subject: str, index: int) -> None:
    """Append an erasure, durably; one that is in the list already is not added again.

    Raises:
        TombstonesDamaged: the list is not what was written.
        OSError: it cannot be written, or another process held it for too long.
    """
    path().parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with os.fdopen(os.open(path(), os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600), "r+b") as file:
        lock(file)
        whole = _whole(file.read())
        secret, listed = _opened(whole)
        if any((stone.subject, stone.index) == (subject, index) for stone, _ in listed):
            return
        file.truncate(len(whole))  # of a line that a crash cut short nothing was erased yet
        last = listed[-1][1] if listed else _START
        body = canonical(asdict(Tombstone(subject, index, clock.stamp(clock.now()))))
        file.write(f"{_mac(_key(secret), last, body)} ".encode() + body + b"\n")
        file.flush()
        os.fsync(file.fileno())
    sync_folder(path().parent)


def read() -> list[Tombstone]:
    """All erasures, oldest first.

    Raises:
        TombstonesDamaged: the list is not what was written.
    """
    return [stone for stone, _ in _opened(_kept())[1]]


def reseal() -> int:
    """Seal the list again where a former EVIDENCE_KEY sealed it; returns how many lines.

    Raises:
        TombstonesDamaged: neither key is the one that it was written under.
    """
    secret, listed = _opened(_kept())
    if secret == settings.EVIDENCE_KEY:
        return 0
    last, text = _START, b""
    for stone, _ in listed:
        body = canonical(asdict(stone))
        last = _mac(_key(settings.EVIDENCE_KEY), last, body)
        text += f"{last} ".encode() + body + b"\n"
    write_durably(path(), text)
    return len(listed)


def _kept() -> bytes:
    try:
        return _whole(path().read_bytes())
    except FileNotFoundError:
        return b""


def _opened(raw: bytes) -> tuple[bytes, list[tuple[Tombstone, str]]]:
    """The lines, and the EVIDENCE_KEY that seals them: the one before while it still counts."""
    try:
        return settings.EVIDENCE_KEY, list(_read(raw, settings.EVIDENCE_KEY))
    except TombstonesDamaged:
        previous: bytes = settings.EVIDENCE_KEY_PREVIOUS
        if len(previous) != 32 or subject_keys.is_retired(previous):
            raise
        return previous, list(_read(raw, previous))


def _whole(raw: bytes) -> bytes:
    return raw[: raw.rfind(b"\n") + 1]


def _read(raw: bytes, secret: bytes) -> Iterator[tuple[Tombstone, str]]:
    last, key = _START, _key(secret)
    for number, line in enumerate(raw.splitlines(), start=1):
        mac, _, body = line.partition(b" ")
        if not hmac.compare_digest(mac, _mac(key, last, body).encode()):
            raise TombstonesDamaged(
                f"line {number} of {path()} was changed, or EVIDENCE_KEY is not the one it was "
                "written under; restore the file or the key. Nothing from that line on is replayed"
            )
        last = mac.decode()
        yield Tombstone(**json.loads(body)), last


def _mac(key: bytes, last: str, body: bytes) -> str:
    return hmac.digest(key, last.encode() + b"\n" + body, "sha256").hex()


def _key(secret: bytes) -> bytes:
    return hmac.digest(secret, _LABEL, "sha256")
