"""Open or make a DefenseClaw-shaped database and put rows into it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from pathlib import Path

from demo.store.instant import go_driver_text
from demo.store.schema import MIGRATIONS_AT_HEAD, Generation, columns, statements


def create(path: Path, generation: Generation, made_at: int) -> sqlite3.Connection:
    """Make an empty database of ``generation`` at ``path`` in WAL mode and return it open.

    ``made_at`` (nanoseconds) is stamped on the migrations. Raises FileExistsError if there is
    already a file.
    """
    if path.exists():
        raise FileExistsError(f"{path} exists; delete it or name another file")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    connection = connect(path)
    for statement in statements(generation):
        connection.execute(statement)
    if generation == 8:
        stamp = go_driver_text(made_at)
        connection.executemany(
            "INSERT INTO schema_version VALUES (?, ?)",
            [(number, stamp) for number in range(1, MIGRATIONS_AT_HEAD + 1)],
        )
    connection.commit()
    return connection


def connect(path: Path) -> sqlite3.Connection:
    """Open ``path`` for writing with DefenseClaw's own pragmas (WAL, synchronous=NORMAL)."""
    connection = sqlite3.connect(path, check_same_thread=False)
    connection.row_factory = sqlite3.Row
    for pragma in ("journal_mode=WAL", "busy_timeout=5000", "synchronous=NORMAL"):
        connection.execute(f"PRAGMA {pragma}")
    return connection


class Inserter:
    """Insert rows given as column mappings; columns left out stay NULL or at their default."""

    def __init__(self, connection: sqlite3.Connection, generation: Generation) -> None:
        self._connection = connection
        self._generation = generation
        self._cache: dict[tuple[str, tuple[str, ...]], str] = {}

    def add(self, table: str, rows: Iterable[Mapping[str, object]]) -> int:
        """Insert ``rows`` into ``table`` and return how many. Raises sqlite3.Error."""
        count = 0
        for row in rows:
            self._connection.execute(self._sql(table, tuple(row)), tuple(row.values()))
            count += 1
        return count

    def _sql(self, table: str, names: tuple[str, ...]) -> str:
        sql = self._cache.get((table, names))
        if sql is None:
            unknown = set(names) - set(columns(self._generation, table))
            if unknown:
                raise KeyError(f"{table} of generation {self._generation} has no {unknown}")
            marks = ", ".join("?" * len(names))
            # Table and column names come from the closed schema checked above.
            sql = f"INSERT INTO {table} ({', '.join(names)}) VALUES ({marks})"  # noqa: S608
            self._cache[table, names] = sql
        return sql
