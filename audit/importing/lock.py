"""The lock that lets one process import for one instance at a time."""

from __future__ import annotations

import fcntl
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings
from django.db import connection

from audit.db.process_locks import session_lock


class ImportRunning(Exception):
    """Another process imports for this instance."""


@contextmanager
def import_lock(instance: str) -> Iterator[None]:
    """Hold the instance's lock; it also ends with the process.

    Raises:
        ImportRunning: somebody else holds it.
    """
    name = hashlib.sha256(f"ata.import\n{instance}".encode()).digest()
    with _advisory(name) if connection.vendor == "postgresql" else _file(name):
        yield


@contextmanager
def _file(name: bytes) -> Iterator[None]:
    folder = settings.VAR_DIR / "locks"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (folder / f"import-{name.hex()[:16]}.lock").open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ImportRunning from None
        yield


@contextmanager
def _advisory(name: bytes) -> Iterator[None]:
    with session_lock(int.from_bytes(name[:8], signed=True)) as held:
        if not held:
            raise ImportRunning
        yield
