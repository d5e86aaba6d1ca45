"""Statements whose plan PostgreSQL keeps for as long as a connection lives.

Django's own cursor writes the values into a statement, which the server then parses and plans anew
each time; for what is asked and written with every request that takes longer than doing it.
"""

from __future__ import annotations

import re
from functools import cache
from importlib import import_module
from itertools import count
from typing import Any

from django.db import connection


def cursor() -> Any:
    """A cursor for a text of `text`; on other engines than PostgreSQL Django's own."""
    made: Any = connection.cursor()
    if connection.vendor == "postgresql":
        made.cursor = _kind()(connection.connection)
    return made


def text(sql: str) -> str:
    """A statement with `%s` for its values, as `cursor` takes it: PostgreSQL numbers them."""
    if connection.vendor != "postgresql":
        return sql
    places = count(1)
    return re.sub("%[s%]", lambda mark: f"${next(places)}" if mark[0] == "%s" else "%", sql)


@cache
def psycopg() -> Any:
    """The driver: loading it takes a tenth of a second, which SQLite need not spend."""
    return import_module("psycopg")


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
