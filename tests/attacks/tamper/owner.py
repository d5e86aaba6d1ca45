"""What the owner of the database can do: write past the triggers, and put them back exactly."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection, models


@contextmanager
def past_the_triggers() -> Iterator[None]:
    """No trigger fires inside; afterwards each is what it was."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET LOCAL session_replication_role = replica")
            yield
            cursor.execute("SET LOCAL session_replication_role = origin")
            return
        cursor.execute(
            "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name LIKE 'audit%'"
        )
        triggers = cursor.fetchall()
        for name, _ in triggers:
            cursor.execute(f"DROP TRIGGER {name}")
        yield
        for _, sql in triggers:
            cursor.execute(sql)


def execute(sql: str, *values: Any) -> None:
    """Run one statement past the triggers."""
    with past_the_triggers(), connection.cursor() as cursor:
        cursor.execute(sql, values)


def overwrite(model: type[models.Model], pk: Any, column: str, value: Any) -> None:
    """Set one column of one row, as SQL."""
    meta = model._meta
    quote = connection.ops.quote_name
    field = next(f for f in meta.concrete_fields if f.column == column)
    assert meta.pk is not None
    execute(
        f"UPDATE {quote(meta.db_table)} SET {quote(column)} = %s "
        f"WHERE {quote(str(meta.pk.column))} = %s",
        field.get_db_prep_save(value, connection=connection),
        meta.pk.get_db_prep_save(pk, connection=connection),
    )


def delete(model: type[models.Model], pk: Any) -> None:
    """Delete one row, as SQL."""
    meta = model._meta
    quote = connection.ops.quote_name
    assert meta.pk is not None
    execute(
        f"DELETE FROM {quote(meta.db_table)} WHERE {quote(str(meta.pk.column))} = %s",
        meta.pk.get_db_prep_save(pk, connection=connection),
    )
