"""Bulk insertion past the ORM's per-field work: executemany on SQLite, COPY on PostgreSQL,
which a single row is spared.

Rows are plain instances; columns the database numbers itself are left to it. Importing a gateway's
history spends most of its time here, and this is about four times as fast as `bulk_create`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import cache
from importlib import import_module
from operator import attrgetter
from typing import Any

from django.db import connection, models

from audit.at_once import Statement
from audit.models.fields import ExactJSONField

_WORTH_COPY = 8  # rows; of fewer, plain inserts take fewer turns with the server

type Convert = Callable[[Any], Any]


def insert(rows: Sequence[models.Model]) -> None:
    """Insert rows that are all of one model.

    Raises:
        IntegrityError: one of them exists already.
    """
    if not rows:
        return
    model = type(rows[0])
    names, _, _ = _shape(model, connection.vendor)
    insert_values(model, list(map(attrgetter(*names), rows)))


def insert_values(model: type[models.Model], rows: Sequence[tuple[Any, ...]]) -> None:
    """Insert rows given as values, in the order of the model's fields without a numbered key.

    Raises:
        IntegrityError: one of them exists already.
    """
    insert_converted(model, converted(model, rows))


def converted(model: type[models.Model], rows: Sequence[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """The same rows, each value as this engine takes it."""
    _, _, converters = _shape(model, connection.vendor)
    return [_converted(row, converters) for row in rows] if converters else list(rows)


def insert_converted(model: type[models.Model], values: Sequence[tuple[Any, ...]]) -> None:
    """Insert rows as `converted` returns them.

    Raises:
        IntegrityError: one of them exists already.
    """
    if not values:
        return
    if connection.vendor == "sqlite" or len(values) < _WORTH_COPY:
        with connection.cursor() as cursor:
            cursor.executemany(_insert(model, connection.vendor), values)
        return
    _, columns, _ = _shape(model, connection.vendor)
    statement = f"COPY {_table(model)} ({', '.join(columns)}) FROM STDIN"
    with (
        connection.wrap_database_errors,
        connection.cursor() as cursor,
        cursor.copy(statement) as copy,
    ):
        for row in values:
            copy.write_row(row)


def statements(model: type[models.Model], rows: Sequence[tuple[Any, ...]]) -> list[Statement]:
    """The same as `insert_values`, for a transaction that is sent at once."""
    sql = _insert(model, connection.vendor)
    return [Statement(sql, values) for values in converted(model, rows)]


@cache
def _insert(model: type[models.Model], vendor: str) -> str:
    _, columns, _ = _shape(model, vendor)
    marks = ", ".join(["%s"] * len(columns))
    return f"INSERT INTO {_table(model)} ({', '.join(columns)}) VALUES ({marks})"  # noqa: S608


def insert_as_one(parts: Sequence[tuple[type[models.Model], Sequence[tuple[Any, ...]]]]) -> None:
    """Insert few rows of several models, given as `insert_values` takes them.

    On PostgreSQL this is one statement, so all or nothing even without a transaction, and one turn
    with the server, which has its plan from the times before. Elsewhere the caller opens one.

    Raises:
        IntegrityError: one of them exists already.
    """
    given = [(model, rows) for model, rows in parts if rows]
    if connection.vendor != "postgresql":
        for model, rows in given:
            insert_values(model, rows)
        return
    statement = _as_one(tuple((model, len(rows)) for model, rows in given))
    values = [value for model, rows in given for row in converted(model, rows) for value in row]
    with connection.cursor(), connection.wrap_database_errors:
        connection.validate_no_broken_transaction()
        # Django's own cursor writes values into the statement, which has a new plan each time.
        with psycopg().Cursor(connection.connection) as cursor:
            cursor.execute(statement, values, prepare=True)


@cache
def _as_one(parts: tuple[tuple[type[models.Model], int], ...]) -> str:
    """Each table but the last is filled on the way to that one."""
    inserts = []
    for model, many in parts:
        _, columns, _ = _shape(model, "postgresql")
        row = f"({', '.join(['%s'] * len(columns))})"
        inserts.append(
            f"INSERT INTO {_table(model)} ({', '.join(columns)}) VALUES {', '.join([row] * many)}"  # noqa: S608
        )
    *before, last = inserts
    named = ", ".join(f"i{n} AS ({insert})" for n, insert in enumerate(before))
    return f"WITH {named} {last}" if named else last


@cache
def psycopg() -> Any:
    """The driver: loading it takes a tenth of a second, which SQLite need not spend."""
    return import_module("psycopg")


def _table(model: type[models.Model]) -> str:
    return connection.ops.quote_name(model._meta.db_table)


def _converted(
    values: tuple[Any, ...], converters: tuple[tuple[int, Convert], ...]
) -> tuple[Any, ...]:
    row = list(values)
    for place, convert in converters:
        if row[place] is not None:
            row[place] = convert(row[place])
    return tuple(row)


@cache
def _shape(
    model: type[models.Model], vendor: str
) -> tuple[tuple[str, ...], tuple[str, ...], tuple[tuple[int, Convert], ...]]:
    """Attributes, quoted columns, and conversions by place, of what has to be written."""
    fields = [f for f in model._meta.concrete_fields if not isinstance(f, models.AutoField)]
    names = tuple(field.attname for field in fields)
    columns = tuple(connection.ops.quote_name(str(field.column)) for field in fields)
    found = ((place, _converter(field, vendor)) for place, field in enumerate(fields))
    return names, columns, tuple((place, convert) for place, convert in found if convert)


def _sqlite_time(moment: datetime) -> str:
    """As Django writes it: UTC without its zone."""
    if moment.tzinfo is UTC:
        return moment.replace(tzinfo=None).isoformat(" ")
    return str(connection.ops.adapt_datetimefield_value(moment))


def _converter(field: Any, vendor: str) -> Convert | None:
    if isinstance(field, models.ForeignKey):
        return _converter(field.target_field, vendor)
    if isinstance(field, ExactJSONField):
        return field.get_prep_value
    if vendor == "sqlite" and isinstance(field, models.UUIDField):
        return attrgetter("hex")
    if vendor == "sqlite" and isinstance(field, models.DateTimeField):
        return _sqlite_time
    return None
