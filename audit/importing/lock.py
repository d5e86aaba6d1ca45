"""The lock that lets one process import for one instance at a time."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings

from audit.db import process_locks


class ImportRunning(Exception):
    """Another process imports for this instance."""


@contextmanager
def import_lock(instance: str, wait_s: float = 0) -> Iterator[None]:
    """Hold the instance's lock, waiting up to `wait_s` for it; it also ends with the process.

    Raises:
        ImportRunning: another process held it all the time.
    """
    until = time.monotonic() + wait_s
    name = hashlib.sha256(f"ata.import\n{instance}".encode()).digest()
    path = settings.VAR_DIR / "locks" / f"import-{name.hex()[:16]}.lock"
    while True:
        with process_locks.held(path, int.from_bytes(name[:8], signed=True)) as held:
            if held:
                yield
                return
        if time.monotonic() >= until:
            raise ImportRunning
        time.sleep(0.05)
