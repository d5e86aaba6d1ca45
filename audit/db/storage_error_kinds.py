"""Telling a disk that is full or read-only, or a database that takes no writes or is busy, from a
mistake."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from typing import Final

from django.db import DatabaseError, InterfaceError, OperationalError, connection

from audit.db.request_database_time_budget import WaitedTooLong

_FILES: Final = frozenset(
    {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG, errno.EIO, errno.EACCES, errno.EPERM}
)
# SQLITE_READONLY, SQLITE_IOERR, SQLITE_FULL, SQLITE_CANTOPEN (sqlite.org/rescode.html)
_SQLITE: Final = frozenset({8, 10, 13, 14})
# read_only_sql_transaction, disk_full, io_error, and a server that is going or coming
_POSTGRES: Final = frozenset({"25006", "53100", "58030", "57P01", "57P02", "57P03"})
_SQLITE_BUSY: Final = frozenset({5, 6})  # SQLITE_BUSY, SQLITE_LOCKED
# lock_not_available, query_canceled, deadlock_detected, serialization_failure,
# idle_in_transaction_session_timeout
_POSTGRES_BUSY: Final = frozenset({"55P03", "57014", "40P01", "40001", "25P03"})

_ADDRESS: Final = ("host", "hostaddr", "port", "dbname", "user", "sslmode")
_ASKED_S: Final = 2


def is_failure(error: BaseException | None) -> bool:
    """Whether `error`, or what it came from, says that nothing can be stored just now."""
    return any(_one(found) for found in _chain(error))


def is_busy(error: BaseException | None) -> bool:
    """Whether `error`, or what it came from, is a wait for the database that took too long: for a
    lock, for an answer, for a connection of the pool while the server takes connections, or for all
    that a request needs."""
    return any(_is_given_up(found) for found in _chain(error))


def is_not_stored(error: BaseException | None) -> bool:
    """Whether `error` is one of both: it says nothing against the request."""
    return is_failure(error) or is_busy(error)


def _is_given_up(error: BaseException) -> bool:
    if isinstance(error, WaitedTooLong):
        return True
    code = getattr(error, "sqlite_errorcode", None)
    if isinstance(code, int):
        return code & 0xFF in _SQLITE_BUSY
    if _waited_for_the_pool(error):
        return _server_accepts()
    return getattr(error, "sqlstate", None) in _POSTGRES_BUSY


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def _one(error: BaseException) -> bool:
    if isinstance(error, OSError):
        return error.errno in _FILES
    code = getattr(error, "sqlite_errorcode", None)
    if isinstance(code, int):
        return code & 0xFF in _SQLITE
    state = getattr(error, "sqlstate", None)
    if isinstance(state, str):
        return state in _POSTGRES or state.startswith("08")
    unreachable = isinstance(error, OperationalError | InterfaceError)
    return unreachable and _says_nothing(error)


def _says_nothing(error: BaseException) -> bool:
    """PostgreSQL's driver gives no code for a server that it cannot reach at all."""
    cause = error.__cause__
    if _waited_for_the_pool(cause):
        return not _server_accepts()
    return (
        cause is not None
        and not isinstance(cause, DatabaseError)
        and getattr(cause, "sqlite_errorcode", None) is None
        and getattr(cause, "sqlstate", None) is None
    )


def _waited_for_the_pool(error: BaseException | None) -> bool:
    if connection.vendor != "postgresql":
        return False
    from psycopg_pool import PoolTimeout

    return isinstance(error, PoolTimeout)


def _server_accepts() -> bool:
    """Whether the server takes connections, asked now; a pool says the same of one that is busy and
    of one that is gone."""
    from psycopg.conninfo import make_conninfo
    from psycopg.pq import PGconn, Ping

    settings = connection.get_connection_params()
    address = {name: settings[name] for name in _ADDRESS if settings.get(name)}
    asked = make_conninfo("", **address, connect_timeout=_ASKED_S)
    return PGconn.ping(asked.encode()) == Ping.OK
