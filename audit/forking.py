"""When this process may be forked: children of it start at once, instead of in a second."""

from __future__ import annotations

import gc
import threading

import django
from django.db import connection


def alone() -> bool:
    """Whether this process may be forked: it has one thread, and no connection to share.

    Outside a transaction, its connection is closed, to be opened anew by who needs it.
    """
    if connection.in_atomic_block:
        return False
    connection.close()
    if connection.vendor == "postgresql":
        connection.close_pool()  # type: ignore[attr-defined]
    return threading.active_count() == 1


def begin() -> None:
    """Set up a process that came to life anew, which has no models before; of a forked one little.

    What is there stays, and is neither looked through for garbage nor copied for it.
    """
    django.setup()
    gc.freeze()
