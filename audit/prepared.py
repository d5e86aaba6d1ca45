"""What is asked and written with every request, by the shortest way that there is.

Django's own cursor writes the values into a statement, which PostgreSQL then parses and plans anew
each time; for what is asked so often that takes longer than doing it. So the server keeps the plan
for as long as a connection lives. What surrounds a statement takes its time, too: a connection is
taken from the pool for one turn, where this thread has none, and no cursor is wrapped in another.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache, lru_cache
from importlib import import_module
from itertools import count
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connection, connections

type Rows = list[tuple[Any, ...]]


def rows(sql: str, params: Sequence[Any] = ()) -> Rows:
    """What a statement whose text is of `text` returns.

    Raises:
        django.db.Error: what the database did.
    """
    database: Any = connections[DEFAULT_DB_ALIAS]
    if is_watched(database):
        pass
    elif database.vendor == "sqlite":
        database.ensure_connection()
        with database.wrap_database_errors:
            found: Rows = database.connection.execute(_of_sqlite(sql), params).fetchall()
        return found
    elif database.connection is None and database.pool:
        with database.wrap_database_errors, _borrowed(database.pool) as lent:
            found = _kind()(lent).execute(sql, params).fetchall()
        return found
    with _cursor(database) as cursor:
        cursor.execute(sql, params)
        return list(cursor.fetchall())


def is_watched(database: Any) -> bool:
    """Whether somebody wants to be told of each statement, which goes through Django's cursor."""
    return bool(database.execute_wrappers or database.queries_logged)


def text(sql: str) -> str:
    """A statement with `%s` for its values, as `rows` takes it: PostgreSQL numbers them."""
    if connection.vendor != "postgresql":
        return sql
    places = count(1)
    return re.sub("%[s%]", lambda mark: f"${next(places)}" if mark[0] == "%s" else "%", sql)


@cache
def psycopg() -> Any:
    """The driver: loading it takes a tenth of a second, which SQLite need not spend."""
    return import_module("psycopg")


@contextmanager
def _borrowed(pool: Any) -> Iterator[Any]:
    """A connection of Django's pool for one turn, outside any transaction."""
    pool.open()
    lent = pool.getconn()
    try:
        if not lent.autocommit:  # a thread ended within a transaction
            lent.autocommit = True
        yield lent
    finally:
        pool.putconn(lent)


def _cursor(database: Any) -> Any:
    made = database.cursor()
    if database.vendor == "postgresql":
        made.cursor = _kind()(database.connection)
    return made


@lru_cache(256)
def _of_sqlite(sql: str) -> str:
    return re.sub("%[s%]", lambda mark: "?" if mark[0] == "%s" else "%", sql)


@cache
def _kind() -> Any:
    raw: Any = psycopg().RawCursor  # does not look for places in a text, which it could not keep

    class Prepared(raw):  # type: ignore[misc]
        def execute(self, query: str, params: Any = None) -> Any:
            try:
                return super().execute(query, params, prepare=True)
            except psycopg().errors.FeatureNotSupported as error:
                if not _is_outdated(error) or not _is_at_rest(self.connection):
                    raise
            _forget_plans(self.connection)
            return super().execute(query, params, prepare=True)

    return Prepared


def _is_outdated(error: Any) -> bool:
    """Whether a migration changed the columns that a kept plan reads: the server then plans it anew
    only for who does not rely on their types ("cached plan must not change result type")."""
    return bool(error.diag.source_function == "RevalidateCachedQuery")


def _is_at_rest(connected: Any) -> bool:
    """Whether no transaction is under way: then the refused statement was all there was of it.

    One that is under way is lost; its rollback has psycopg forget the plans.
    """
    return bool(connected.info.transaction_status == psycopg().pq.TransactionStatus.IDLE)


def _forget_plans(connected: Any) -> None:
    """Have psycopg and the server forget every plan of a connection, which a rollback does."""
    with psycopg().Cursor(connected) as cursor:
        cursor.execute("BEGIN")
        cursor.execute("ROLLBACK")
