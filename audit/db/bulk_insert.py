"""Bulk insertion past the ORM's per-field work: executemany on SQLite, COPY on PostgreSQL, which a
single row is spared.

Rows are plain instances or values; columns the database numbers itself are left to it. Importing a
gateway's history spends much of its time here, and this is many times as fast as `bulk_create`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from operator import attrgetter
from typing import Any

from django.db import connection, models

from audit.models.exact_json_field import ExactJSONField

_WORTH_COPY = 8  # rows; of fewer, plain inserts take fewer turns with the server

type Convert = Callable[[Any], Any]
type Columns = Mapping[int, Iterable[Any]]
type Converters = tuple[tuple[int, Convert], ...]


def insert(rows: Sequence[models.Model]) -> None:
    """Insert rows that are all of one model.

    Raises:
        IntegrityError: one of them exists already.
    """
    if not rows:
        return
    model = type(rows[0])
    names = tuple(field.attname for field in _fields(model))
    insert_values(model, list(map(attrgetter(*names), rows)))


def insert_values(
    model: type[models.Model], rows: Sequence[tuple[Any, ...]], columns: Columns | None = None
) -> None:
    """Insert rows given as values, in the order of the model's fields without a numbered key.

    Args:
        columns: by place, values that stand in place of those of the rows.

    Raises:
        IntegrityError: one of them exists already.
    """
    if not rows:
        return
    vendor = connection.vendor
    values = _converted(rows, _converters(model, vendor), columns)
    if vendor == "sqlite" or len(rows) < _WORTH_COPY:
        with connection.cursor() as cursor:
            cursor.executemany(_insert(model), list(values))
        return
    statement = f"COPY {_table(model)} ({_columns(model)}) FROM STDIN"
    with (
        connection.wrap_database_errors,
        connection.cursor() as cursor,
        cursor.copy(statement) as copy,
    ):
        for row in values:
            copy.write_row(row)


@cache
def _insert(model: type[models.Model]) -> str:
    values = ", ".join(["%s"] * len(_fields(model)))
    return f"INSERT INTO {_table(model)} ({_columns(model)}) VALUES ({values})"  # noqa: S608


def _table(model: type[models.Model]) -> str:
    return connection.ops.quote_name(model._meta.db_table)


def _columns(model: type[models.Model]) -> str:
    return ", ".join(connection.ops.quote_name(str(field.column)) for field in _fields(model))


@cache
def _fields(model: type[models.Model]) -> tuple[Any, ...]:
    """What has to be written: all but a key that the database numbers."""
    return tuple(f for f in model._meta.concrete_fields if not isinstance(f, models.AutoField))


def _converted(
    rows: Sequence[tuple[Any, ...]], converters: Converters, instead: Columns | None = None
) -> Iterable[tuple[Any, ...]]:
    """The rows with some of their values converted: column by column, which has no loop of ours."""
    if not (converters or instead) or not rows:
        return rows
    columns: list[Iterable[Any]] = list(zip(*rows, strict=True))
    for place, values in (instead or {}).items():
        columns[place] = values
    for place, convert in converters:
        columns[place] = map(convert, columns[place])
    return zip(*columns, strict=True)


@cache
def _converters(model: type[models.Model], vendor: str) -> Converters:
    """Conversions by place, for values that are parameters of a statement."""
    found = ((field, _converter(field, vendor)) for field in _fields(model))
    return tuple(
        (place, _or_null(convert) if field.null else convert)
        for place, (field, convert) in enumerate(found)
        if convert
    )


def _or_null(convert: Convert) -> Convert:
    return lambda value: None if value is None else convert(value)


def _sqlite_time(moment: datetime) -> str:
    """As Django writes it: UTC without its zone."""
    if moment.tzinfo is UTC:
        return moment.replace(tzinfo=None).isoformat(" ")
    return str(connection.ops.adapt_datetimefield_value(moment))


def _converter(field: Any, vendor: str) -> Convert | None:
    field = field.target_field if isinstance(field, models.ForeignKey) else field
    if vendor == "sqlite" and isinstance(field, models.UUIDField):
        return attrgetter("hex")
    if vendor == "sqlite" and isinstance(field, models.DateTimeField):
        return _sqlite_time
    return field.get_prep_value if isinstance(field, ExactJSONField) else None
