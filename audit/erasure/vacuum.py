"""The last step of an erasure: what was deleted is also gone from the files of the database.

SQLite keeps deleted bytes in free pages, in segments of the full-text index and in its journal.
The index is merged, the file is rewritten without free pages, and the journal is emptied.
A plain VACUUM of PostgreSQL only calls the bytes of a deleted row free: they stay in the file until
others take their place. So tables that hold text about people are rewritten, each under a separate
lock. Its write-ahead log and whatever was backed up is the operator's (docs/admins.md).
"""

from __future__ import annotations

import time

from django.db import OperationalError, connection

from audit.erasure.subject_and_store_registry import stores
from audit.search import fulltext_index

_TRIES = 20
_PAUSE_S = 0.25
_PATIENCE_MS = 2_000  # for the lock on a table: everybody who comes later waits behind us


class Busy(Exception):
    """Others read or write just now, so that the files could not be rewritten; try again."""


def compact() -> int:
    """Remove deleted values from the database's own files; returns 0, since it counts nothing.

    Raises:
        Busy: somebody else kept the database from it.
    """
    if connection.vendor == "sqlite":
        _compact_sqlite()
    else:
        _vacuum()
    return 0


def _compact_sqlite() -> None:
    try:
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA secure_delete=ON")
            fulltext_index.merge(cursor)
            cursor.execute("VACUUM")
            for _ in range(_TRIES):
                cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
                if cursor.fetchone()[0] == 0:
                    return
                time.sleep(_PAUSE_S)
    except OperationalError as error:
        raise Busy(f"the database is busy: {error}") from None
    raise Busy("someone reads from the journal of the database")


def _vacuum() -> None:
    from django.apps import apps

    wordy = {column.rpartition(".")[0] for store in stores() for column in store.columns}
    quote = connection.ops.quote_name
    tables = {model._meta.db_table: model._meta.label in wordy for model in apps.get_models()}
    try:
        with connection.cursor() as cursor:
            cursor.execute(f"SET lock_timeout = '{_PATIENCE_MS}ms'")
            try:
                for table, full in sorted(tables.items()):
                    how = "(FULL, ANALYZE)" if full else ""
                    cursor.execute(f"VACUUM {how} {quote(table)}")
            finally:
                cursor.execute("RESET lock_timeout")
    except OperationalError as error:
        raise Busy(f"the database is busy: {error}") from None
