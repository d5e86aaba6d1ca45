"""What belongs together, done in one go: all of it is done, or nothing.

What is to happen is said beforehand, with how many rows each part has to find or to change; where
one did otherwise nothing is written, and the caller goes the long way.

On PostgreSQL each answer that is awaited costs a turn over the wire, and one at the interpreter as
well; the commit is such a turn, too. There it is one statement, whose plan the server keeps
(`audit.prepared`). On SQLite the parts are done one after the other, and what is saved is what
Django does around each.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from django.db import DEFAULT_DB_ALIAS, DatabaseError, DataError, connections, transaction

from audit import prepared

_OTHERWISE: Final = "22012"  # division_by_zero (PostgreSQL manual, appendix A)


@dataclass(frozen=True, slots=True)
class Part:
    """One part: a query, or an INSERT or UPDATE.

    `rows` is how many it has to return for anything to be done; None says nothing of it. No two
    parts change the same row, and none sees what another one did.
    """

    sql: str
    params: Sequence[Any] = ()
    rows: int | None = None


class _Otherwise(Exception):
    """A part did not do what was expected."""


def possible() -> bool:
    """Whether no transaction is under way."""
    return not connections[DEFAULT_DB_ALIAS].in_atomic_block


def done(parts: Sequence[Part]) -> bool:
    """Do all parts; False where one did not do what was expected: nothing is written then.

    Parts with `rows` are done one after the other. Without a transaction of the caller's it is one
    of its own.

    Raises:
        django.db.Error: what the database did. Nothing is written then, unless the connection was
            lost on the way and there was no transaction.
    """
    database: Any = connections[DEFAULT_DB_ALIAS]
    if database.vendor == "sqlite":
        return _one_by_one(database, parts)
    sql = _as_one(tuple((part.sql, part.rows) for part in parts))
    try:
        prepared.rows(sql, [value for part in parts for value in part.params])
    except DataError as error:
        if getattr(error.__cause__, "sqlstate", "") == _OTHERWISE:
            return False
        raise
    return True


def _one_by_one(database: Any, parts: Sequence[Part]) -> bool:
    try:
        if database.in_atomic_block or prepared.is_watched(database):
            with transaction.atomic():
                _do(parts)
        else:
            _do_alone(database, parts)
    except _Otherwise:
        return False
    return True


def _do_alone(database: Any, parts: Sequence[Part]) -> None:
    """In a transaction that Django need not know of: it ends where it began."""
    database.ensure_connection()
    with database.wrap_database_errors:
        database.connection.execute("BEGIN IMMEDIATE")
    try:
        _do(parts)
        with database.wrap_database_errors:
            database.connection.commit()
    except BaseException:
        try:
            with database.wrap_database_errors:
                database.connection.rollback()
        except DatabaseError:  # as Django does: nobody uses it again
            database.close()
        raise


def _do(parts: Sequence[Part]) -> None:
    for part in parts:
        found = prepared.rows(part.sql, part.params)
        if part.rows is not None and len(found) != part.rows:
            raise _Otherwise


@lru_cache(256)
def _as_one(parts: tuple[tuple[str, int | None], ...]) -> str:
    named = ", ".join(f"p{n} AS ({sql})" for n, (sql, _) in enumerate(parts))
    # CASE is what the manual (4.2.14) names for an order of evaluation.
    held = "".join(
        f"WHEN (SELECT count(*) FROM p{n}) <> {rows} THEN 0 "  # noqa: S608
        for n, (_, rows) in enumerate(parts)
        if rows is not None
    )
    return prepared.text(f"WITH {named} SELECT 1 / CASE {held or 'WHEN false THEN 0 '}ELSE 1 END")
