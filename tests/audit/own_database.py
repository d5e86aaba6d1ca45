"""A migrated database of one's own, for tests whose threads commit: nothing is rolled back."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.db import connection

_COPY = "parallel"


@contextmanager
def own_database(folder: Path) -> Iterator[None]:
    """While this lasts, connections that threads open are of an empty copy of the test database.

    The thread that calls this keeps its connection to the test database, and makes no use of it.
    """
    settings, name = connection.settings_dict, connection.settings_dict["NAME"]
    made = _copied_file(folder) if connection.vendor == "sqlite" else _copied_on_server(str(name))
    settings["NAME"] = made
    try:
        yield
    finally:
        settings["NAME"] = name
        if connection.vendor == "postgresql":
            _closed()
            _on_server(f'DROP DATABASE "{made}" WITH (FORCE)')


def _copied_file(folder: Path) -> str:
    connection.ensure_connection()
    path = folder / f"{_COPY}.sqlite3"
    copy = sqlite3.connect(path)
    connection.connection.backup(copy)
    # As every database of the portal is. Of two first connections that both set it, one fails.
    copy.execute("PRAGMA journal_mode=WAL")
    copy.close()
    return str(path)


def _copied_on_server(name: str) -> str:
    made = f"{name}_{_COPY}"
    _closed()  # the server copies a database that nobody uses
    # It is ours alone. The pool opens a second connection beside the first one now and then, and
    # one of the two outlives it.
    _on_server(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")
    _on_server(f'DROP DATABASE IF EXISTS "{made}" WITH (FORCE)')
    _on_server(f'CREATE DATABASE "{made}" TEMPLATE "{name}"')
    return made


def _closed() -> None:
    connection.close()
    connection.close_pool()  # type: ignore[attr-defined]


def _on_server(statement: str) -> None:
    with connection._nodb_cursor() as cursor:
        cursor.execute(statement)
