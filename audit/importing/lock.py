"""The lock that lets one process import for one instance at a time."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings

from audit.db import process_locks


class ImportRunning(Exception):
    """Another process imports for this instance."""


@contextmanager
def import_lock(instance: str) -> Iterator[None]:
    """Hold the instance's lock; it also ends with the process.

    Raises:
        ImportRunning: somebody else holds it.
    """
    name = hashlib.sha256(f"ata.import\n{instance}".encode()).digest()
    path = settings.VAR_DIR / "locks" / f"import-{name.hex()[:16]}.lock"
    with process_locks.held(path, int.from_bytes(name[:8], signed=True)) as held:
        if not held:
            raise ImportRunning
        yield
