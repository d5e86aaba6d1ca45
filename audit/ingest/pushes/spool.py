"""Bodies that gateways pushed, on disk until they are entries.

A gateway that gets no success drops its events or stalls its agents, so the answer may wait for
nothing but this disk: no database, no lock. A body is one file, written whole, synced, mode 0600;
its name has the time it arrived and how it was sent. Bounds are per gateway, so that a flood of one
closes the spool for no other. How much is there is read at most once a second, so the bounds can be
exceeded by what one process takes in within a second.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import secrets
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from django.conf import settings

from audit.db.durable_files import write_durably

log = logging.getLogger(__name__)

HEC: Final = "hec"
JSONL: Final = "jsonl"
MOST_BYTES: Final = 256 * 2**20
MOST_FILES: Final = 5_000
"""So much waits of one gateway; at 2 MB a body, about two minutes of a busy one."""
SET_ASIDE_FOR: Final = timedelta(days=7)
SET_ASIDE_BYTES: Final = 64 * 2**20
"""So long and so much is kept of the bodies of one gateway that nothing could be made of."""

_READ_EVERY_S: Final = 1.0
_REFUSALS: Final = "refused"
_TAKEN: Final = "refused.taken"
_SET_ASIDE: Final = ".unreadable"
_MOST_NOTED: Final = 2**20
"""Bytes of notes about refusals; the time of a later refusal is that of the file."""
_NOTE: Final = re.compile(r"(\d{19}) (\d{1,12})")
_NAME: Final = re.compile(rf"(\d{{20}})-[0-9a-f]{{8}}\.({HEC}|{JSONL})")


class SpoolFull(Exception):
    """A body was not kept: the spool of its gateway is full, or the disk takes no writes."""


@dataclass(frozen=True, slots=True)
class Body:
    """One body in the spool."""

    path: Path
    rail: str
    size: int
    received_at: datetime

    def read(self) -> bytes:
        """The body as it was sent."""
        return self.path.read_bytes()

    def remove(self) -> None:
        """Forget it: what it held is recorded."""
        self.path.unlink(missing_ok=True)

    def set_aside(self) -> None:
        """Rename it, so that the next is taken in; a person may read it until it expires."""
        self.path.rename(self.path.with_name(f"{self.path.name}{_SET_ASIDE}"))


@dataclass(frozen=True, slots=True)
class Usage:
    """How much of one gateway waits in the spool.

    Attributes:
        oldest: when the first of those that wait arrived.
        set_aside: further bodies, which nothing could be made of.
    """

    files: int = 0
    size: int = 0
    oldest: datetime | None = None
    set_aside: int = 0

    @property
    def full(self) -> bool:
        """Whether the next body is refused."""
        return self.files >= MOST_FILES or self.size >= MOST_BYTES


@dataclass(frozen=True, slots=True)
class Refused:
    """Bodies that a full spool refused, from the first to the last.

    Attributes:
        uncounted: whether more were refused than were noted.
    """

    first: datetime
    last: datetime
    bodies: int
    size: int
    path: Path
    uncounted: bool = False


def folder() -> Path:
    """Where the spool is."""
    path: Path = settings.VAR_DIR / "push-spool"
    return path


def keep(instance: str, rail: str, body: bytes) -> None:
    """Store a body durably.

    Raises:
        SpoolFull: it was not stored; that is noted for the record.
    """
    try:
        if _usage.of(instance).full:
            raise SpoolFull
        name = f"{time.time_ns():020d}-{secrets.token_hex(4)}.{rail}"
        write_durably(folder() / instance / name, body)
    except OSError as error:
        log.error("a push of %s was not kept: %s", instance, error.strerror)
        _note_refusal(instance, len(body))
        raise SpoolFull from error
    except SpoolFull:
        _note_refusal(instance, len(body))
        raise
    _usage.add(instance, len(body))


def instances() -> list[str]:
    """The gateways of which anything is there; sorted."""
    try:
        return sorted(entry.name for entry in os.scandir(folder()) if entry.is_dir())
    except FileNotFoundError:
        return []


def waiting(instance: str) -> list[Body]:
    """The bodies of a gateway in the order in which they arrived."""
    found = [body for path, size in _files(instance) if (body := _body(path, size))]
    return sorted(found, key=lambda body: body.path.name)


def usage(instance: str) -> Usage:
    """How much of a gateway is there now."""
    files = list(_files(instance))
    waits = [body for path, size in files if (body := _body(path, size))]
    return Usage(
        files=len(waits),
        size=sum(body.size for body in waits),
        oldest=min((body.received_at for body in waits), default=None),
        set_aside=len(files) - len(waits),
    )


def expire_set_aside(instance: str, now: datetime) -> None:
    """Remove bodies that were set aside: old ones, and the oldest where there are too many."""
    aside = [(path, size) for path, size in _files(instance) if path.name.endswith(_SET_ASIDE)]
    kept = 0
    for path, size in sorted(aside, reverse=True):
        kept += size
        at = _moment(int(path.name.partition("-")[0]))
        if kept > SET_ASIDE_BYTES or now - at >= SET_ASIDE_FOR:
            path.unlink(missing_ok=True)
            log.warning("a body of %s that could not be taken in has expired", instance)


def refused(instance: str) -> Refused | None:
    """What was refused since the last record of it; None where nothing was."""
    place = folder() / instance
    return _read_refusals(place / _TAKEN) or _read_refusals(place / _REFUSALS)


def take_refusals(instance: str) -> Refused | None:
    """As `refused`, with further refusals noted elsewhere; its file goes once it is recorded."""
    place = folder() / instance
    if (taken := _read_refusals(place / _TAKEN)) is not None:
        return taken
    with contextlib.suppress(FileNotFoundError):
        (place / _REFUSALS).replace(place / _TAKEN)
    return _read_refusals(place / _TAKEN)


def _read_refusals(path: Path) -> Refused | None:
    """What the lines of a file have; a line that was torn by a crash is left out."""
    try:
        with path.open("rb") as notes:
            lines = notes.read(_MOST_NOTED).decode("ascii", "replace").splitlines()
            status = os.fstat(notes.fileno())
    except FileNotFoundError:
        return None
    found = [(int(note[1]), int(note[2])) for line in lines if (note := _NOTE.fullmatch(line))]
    if not found:
        return None
    times = [at for at, _ in found]
    uncounted = status.st_size >= _MOST_NOTED
    last = max(*times, status.st_mtime_ns) if uncounted else max(times)
    size = sum(size for _, size in found)
    return Refused(_moment(min(times)), _moment(last), len(found), size, path, uncounted)


def _note_refusal(instance: str, size: int) -> None:
    """One line, appended at once, so that processes do not disturb each other."""
    line = f"{time.time_ns()} {size}\n".encode()
    try:
        path = folder() / instance / _REFUSALS
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            if os.fstat(handle).st_size < _MOST_NOTED:
                os.write(handle, line)
            else:
                os.utime(handle)
        finally:
            os.close(handle)
    except OSError as error:
        log.error("a refused push of %s could not be noted: %s", instance, error.strerror)


def _files(instance: str) -> Iterator[tuple[Path, int]]:
    try:
        entries = list(os.scandir(folder() / instance))
    except FileNotFoundError:
        return
    for entry in entries:
        if _NAME.match(entry.name):
            try:
                yield Path(entry.path), entry.stat().st_size
            except FileNotFoundError:
                continue  # taken in meanwhile


def _body(path: Path, size: int) -> Body | None:
    named = _NAME.fullmatch(path.name)
    return Body(path, named[2], size, _moment(int(named[1]))) if named else None


def _moment(nanoseconds: int) -> datetime:
    return datetime.fromtimestamp(nanoseconds // 1000 / 1e6, UTC)


class _Usage:
    """What is there of each gateway, as read lately and with what was added since. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[tuple[Path, str], tuple[float, Usage]] = {}

    def of(self, instance: str) -> Usage:
        key, now = (folder(), instance), time.monotonic()
        with self._lock:
            known = self._known.get(key)
            if known is None or now - known[0] >= _READ_EVERY_S or known[1].full:
                known = self._known[key] = (now, usage(instance))
            return known[1]

    def add(self, instance: str, size: int) -> None:
        key = (folder(), instance)
        with self._lock:
            if (known := self._known.get(key)) is not None:
                more = Usage(known[1].files + 1, known[1].size + size)
                self._known[key] = (known[0], more)


_usage = _Usage()
