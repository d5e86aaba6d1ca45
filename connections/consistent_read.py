"""Reading at one moment what takes long to read, while others write."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection, transaction


@contextmanager
def one_moment() -> Iterator[None]:
    """What is read in the block is as it was at its first question; nothing may be written.

    On SQLite a transaction that only reads keeps no writer waiting, once it is begun as one
    (isolation in WAL mode: sqlite.org/isolation.html). Inside a transaction of the caller's it is
    that one.
    """
    if connection.in_atomic_block:
        yield
        return
    with _only_reading(connection), transaction.atomic():
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        yield


@contextmanager
def _only_reading(connected: Any) -> Iterator[None]:
    if connected.vendor != "sqlite":
        yield
        return
    before = connected.transaction_mode
    connected.transaction_mode = "DEFERRED"
    try:
        yield
    finally:
        connected.transaction_mode = before
