"""What was verified before, so that only what changed since is worked out again.

Opening every event costs a hundred times what reading it does. A stretch of 256 events that held in
every respect is remembered by one seal over the bytes of its rows; while they are the same, so is
what was found. The key is not in the database, so its owner cannot say that anything was verified.
Only speed hangs on this file: without it, or with another version of the code, all is worked out.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import struct
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from django.apps import apps
from django.conf import settings

from audit import clock, logkey
from audit.files import write_durably

SPAN: Final = 256  # events, as many as a tile has hashes
_LABEL: Final = b"ata.verified.span.v1"
_RECORD: Final = struct.Struct(">Q32s32s")  # when, which events are to be opened, seal


@dataclass(frozen=True, slots=True)
class Known:
    """A stretch that held at `at` (seconds since 1970).

    `open` has a bit for each event that hangs on more than its own rows, such as evidence; those
    are opened every time.
    """

    at: int
    open: int

    def positions(self) -> list[int]:
        """Places of those events within the stretch."""
        return [place for place in range(SPAN) if self.open >> place & 1]


class Memory:
    """The file `VAR_DIR/ledger/verified`: one record of 72 bytes a stretch.

    Args:
        since: forget what held only before this moment (seconds since 1970).
    """

    def __init__(self, since: int = 0) -> None:
        self._since = since
        self._key = key()
        self._path = logkey.folder() / "verified"

    def recall(self, first: int, digest: bytes) -> Known | None:
        """What is known of the stretch that begins at `first`, if its rows are still those."""
        if not self._key:
            return None
        try:
            with self._path.open("rb", buffering=0) as file:
                record = os.pread(file.fileno(), _RECORD.size, _place(first))
        except OSError:
            return None
        if len(record) < _RECORD.size:
            return None
        at, opened, seal = _RECORD.unpack(record)
        known = Known(at, int.from_bytes(opened))
        if at < self._since or not hmac.compare_digest(seal, self._seal(first, digest, known)):
            return None
        return known

    def remember(self, first: int, digest: bytes, positions: set[int]) -> None:
        """Note that a stretch held just now; `positions` are those to open every time."""
        if not self._key:
            return
        known = Known(int(clock.now().timestamp()), sum(1 << place for place in positions))
        seal = self._seal(first, digest, known)
        record = _RECORD.pack(known.at, known.open.to_bytes(32), seal)
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            file = os.open(self._path, os.O_WRONLY | os.O_CREAT, 0o600)
            try:
                os.pwrite(file, record, _place(first))
            finally:
                os.close(file)
        except OSError:
            return  # a full or read-only disk costs speed, nothing else

    def _seal(self, first: int, digest: bytes, known: Known) -> bytes:
        said = struct.pack(">QQ", first, known.at) + known.open.to_bytes(32)
        return hmac.digest(self._key, _LABEL + code() + said + digest, "sha256")


def _place(first: int) -> int:
    return first // SPAN * _RECORD.size


def begin() -> int:
    """Note that everything is to be opened again from now on; returns now, in seconds."""
    now = int(clock.now().timestamp())
    write_durably(logkey.folder() / "verifying-since", f"{now}\n".encode())
    return now


def begun() -> int:
    """When everything was to be opened again; 0 if it never was."""
    try:
        return int((logkey.folder() / "verifying-since").read_text())
    except (OSError, ValueError):
        return 0


def key() -> bytes:
    """What seals are made with; empty without `EVIDENCE_KEY`: nothing is remembered then."""
    secret: bytes = settings.EVIDENCE_KEY
    return hmac.digest(secret, _LABEL, "sha256") if secret else b""


@cache
def code() -> bytes:
    """Digest of the code of every room: what another version found is worked out again."""
    whole = hashlib.sha256(sys.version.encode())
    for config in sorted(apps.get_app_configs(), key=lambda config: config.name):
        folder = Path(config.path)
        if not folder.is_relative_to(settings.BASE_DIR) or "site-packages" in folder.parts:
            continue
        for path in sorted(folder.rglob("*.py")):
            whole.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes())
    return whole.digest()
