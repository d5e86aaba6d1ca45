"""The file `audit.db` in the shape of a generation, and writing to it."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from functools import cache
from pathlib import Path
from typing import Final

from local.gateway.audit.instants import go_time_string, now_ns
from local.gateway.generations import Generation

_SCHEMAS: Final = Path(__file__).parent / "schemas"
_MIGRATIONS: Final = {"0.2.0": 0, "0.8.4": 20, "head": 33}
_PATIENCE_S: Final = 5
_BUSY_HOLD_S: Final = 0.002


@cache
def _file_without_rows(generation: str) -> bytes:
    """Return the database file with the tables, indexes and triggers of a generation.

    Made once per process: tests start gateways by the hundred, and its statements take 20 ms.
    """
    with closing(sqlite3.connect(":memory:")) as connection:
        for schema in sorted(_SCHEMAS.glob(f"{generation}-*.sql")):
            connection.executescript(schema.read_text())
        return connection.serialize()


class AuditDatabase:
    """`audit.db` of one home. Each unit of work opens its own connection.

    The gateway of 0.2.0 does not wait for the lock and holds it a moment, so that parallel writers
    meet SQLITE_BUSY as they do at the real one; its command line and later generations wait.
    """

    def __init__(
        self, path: Path, generation: Generation, *, by_command_line: bool = False
    ) -> None:
        self.path = path
        patient = by_command_line or generation.waits_for_database_lock
        self._wait_s = _PATIENCE_S if patient else 0
        self.generation = generation
        self._columns: dict[str, frozenset[str]] = {}
        if not path.exists():
            self._create()

    def _create(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        if self.generation.needs_token:
            self.path.touch(mode=0o600)
        self.path.write_bytes(_file_without_rows(self.generation.name))
        connection = self._open()
        connection.execute("PRAGMA journal_mode=WAL")
        stamp = go_time_string(now_ns())
        connection.execute("BEGIN")
        for number in range(1, _MIGRATIONS[self.generation.name] + 1):
            connection.execute("INSERT INTO schema_version VALUES (?, ?)", (number, stamp))
        connection.execute("COMMIT")
        connection.close()

    def _open(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self.path, timeout=self._wait_s, isolation_level=None, check_same_thread=False
        )
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA synchronous=NORMAL")
        return connection

    def hold_open(self) -> sqlite3.Connection:
        """Return a connection to keep for the life of a process, so that the -wal file stays."""
        return self._open()

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """Open the file for reading."""
        connection = self._open()
        try:
            yield connection
        finally:
            connection.close()

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """Run a transaction; raises sqlite3.OperationalError when the lock is taken."""
        connection = self._open()
        try:
            connection.execute("BEGIN IMMEDIATE")
            yield connection
            if not self._wait_s:
                time.sleep(_BUSY_HOLD_S)
            connection.execute("COMMIT")
        finally:
            connection.close()

    def insert(self, connection: sqlite3.Connection, table: str, row: Mapping[str, object]) -> None:
        """Insert a row; columns that this generation does not have are left out."""
        columns = self._columns.get(table)
        if columns is None:
            rows = connection.execute(f"PRAGMA table_info({table})")
            columns = self._columns[table] = frozenset(row["name"] for row in rows)
        known = {name: value for name, value in row.items() if name in columns}
        marks = ", ".join("?" * len(known))
        # Names come from the schema read above.
        sql = f"INSERT INTO {table} ({', '.join(known)}) VALUES ({marks})"  # noqa: S608 - fixed names
        connection.execute(sql, tuple(known.values()))
