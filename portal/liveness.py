"""Whether a connection that lay in the pool still has a server, and how long it waits there."""

from __future__ import annotations

import select
import time
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    from psycopg import Connection

DOUBTED_AFTER_S: Final = 10.0
"""A server that vanished says nothing; one that ends, or whose machine lives on, does."""

LOCK_WITHIN_MS: Final = 5_000
STATEMENT_WITHIN_MS: Final = 15_000
"""The wait for locks included."""

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


_BOUNDS = f"""
SELECT set_config(name, bound, false)
FROM (VALUES ('lock_timeout', '{LOCK_WITHIN_MS}'), ('statement_timeout', '{STATEMENT_WITHIN_MS}'))
AS bounds (name, bound) WHERE current_setting(name) = '0'
"""  # noqa: S608


def check_and_bound(connection: Connection[Any]) -> None:
    """The same in a process that answers requests: the server also ends waits that take too long.

    Set once a connection, since a pooler in between may drop what is named at its start. A bound
    of the operator's own (`options` of DATABASE_URL, of the role, of the server) stays.

    Raises:
        psycopg.OperationalError: the connection is dead.
    """
    if connection in _seen:
        check_if_in_doubt(connection)
        return
    connection.execute(_BOUNDS)
    _seen[connection] = time.monotonic()


def _spoke(connection: Connection[Any]) -> bool:
    """Whether there is something to be read, or an end, on a connection that awaits nothing."""
    waits = select.poll()
    waits.register(connection.fileno(), select.POLLIN)
    return bool(waits.poll(0))
