"""Whether a connection that lay in the pool still has a server at its other end."""

from __future__ import annotations

import select
import time
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    from psycopg import Connection

DOUBTED_AFTER_S: Final = 10.0
"""A server that vanished says nothing; one that ends, or whose machine lives on, does."""

_seen: WeakKeyDictionary[Connection[Any], float] = WeakKeyDictionary()


def check_if_in_doubt(connection: Connection[Any]) -> None:
    """Ask the server only if it said something since, such as that it ends, or after a while.

    A question costs each request a turn over the wire. For psycopg's pool, as its `check`.

    Raises:
        psycopg.OperationalError: the connection is dead.
    """
    now = time.monotonic()
    if now - _seen.get(connection, 0.0) > DOUBTED_AFTER_S or _spoke(connection):
        connection.execute("")
        _seen[connection] = now


def _spoke(connection: Connection[Any]) -> bool:
    """Whether there is something to be read, or an end, on a connection that awaits nothing."""
    waits = select.poll()
    waits.register(connection.fileno(), select.POLLIN)
    return bool(waits.poll(0))
