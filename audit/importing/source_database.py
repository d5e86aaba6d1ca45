"""Reading a DefenseClaw audit database of any generation without disturbing its owner.

Opened `mode=ro` with `query_only`; the journal mode is never touched. One read transaction, so a
database that is being written to is read as it was at one moment. Tables and columns are found by
looking, never by a version number (a database made by the Python CLI has none).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final

from audit.importing.source_row_identity import ID_COLUMNS, SourceRow

_HEADER: Final = b"SQLite format 3\0"
_MAX_BATCH_BYTES: Final = 16 * 2**20
# Columns without which a table of that name is somebody else's.
_SIGNS: Final = {
    "audit_events": {"timestamp", "action", "actor"},
    "activity_events": {"timestamp", "action", "target_type"},
    "scan_results": {"scanner", "target", "timestamp"},
    "findings": {"scan_id", "severity", "title", "scanner"},
    "scan_findings": {"scan_id", "severity", "scanner"},
    "network_egress_events": {"hostname", "policy_outcome"},
    "alert_acknowledgement_operations": {"alert_id", "requested_disposition"},
}


class ImportRefused(Exception):
    """The file cannot be imported; the message is one sentence that says why."""


class SourceLost(Exception):
    """The file could no longer be read half-way; what was imported stays."""


@contextmanager
def opened(path: Path) -> Iterator[Source]:
    """The database at `path`, in one read transaction.

    Raises:
        ImportRefused: no such file, a folder, not readable, not SQLite, not DefenseClaw's.
    """
    _check_file(path)
    with closing(_connect(path)) as connection:
        try:
            source = Source(connection)
        except sqlite3.Error as error:
            raise ImportRefused(f"{path} cannot be read as a SQLite database: {error}.") from None
        if not source.is_defenseclaw:
            raise ImportRefused(
                f"{path} is a SQLite database, but none of its tables is DefenseClaw's; its audit "
                "database is usually ~/.defenseclaw/audit.db."
            )
        yield source


def _check_file(path: Path) -> None:
    if not path.exists():
        raise ImportRefused(f"{path} does not exist.")
    if path.is_dir():
        raise ImportRefused(f"{path} is a folder; name the database inside it, such as audit.db.")
    try:
        with path.open("rb") as handle:
            start = handle.read(len(_HEADER))
    except OSError as error:
        raise ImportRefused(f"{path} cannot be read: {error.strerror}.") from None
    if start != _HEADER:
        raise ImportRefused(f"{path} is not a SQLite database.")


def _connect(path: Path) -> sqlite3.Connection:
    uri = f"{path.resolve().as_uri()}?mode=ro"
    try:
        return _begin(uri)
    except sqlite3.OperationalError as error:
        # A WAL database in a folder we may not write to: without a log file nobody is writing it.
        if "unable to open" in str(error) and not path.with_name(f"{path.name}-wal").exists():
            return _begin(f"{uri}&immutable=1")
        raise ImportRefused(f"{path} cannot be opened: {error}.") from None
    except sqlite3.DatabaseError as error:
        raise ImportRefused(f"{path} cannot be read as a SQLite database: {error}.") from None


def _begin(uri: str) -> sqlite3.Connection:
    connection = sqlite3.connect(uri, uri=True, timeout=5.0, isolation_level=None)
    try:
        connection.text_factory = _text
        connection.execute("PRAGMA query_only=ON")
        connection.execute("BEGIN")
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()  # takes the snapshot
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")


class Source:
    """The evidence tables of one opened database."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection
        present = {
            str(name)
            for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        }
        self.columns: dict[str, tuple[str, ...]] = {
            table: tuple(str(c[1]) for c in connection.execute(f"PRAGMA table_info({table})"))
            for table in ID_COLUMNS
            if table in present
        }
        self._others = sorted(t for t in present - set(ID_COLUMNS) if not t.startswith("sqlite_"))

    @property
    def is_defenseclaw(self) -> bool:
        """Whether at least one table has the columns that DefenseClaw's has."""
        return any(_SIGNS[table] <= set(columns) for table, columns in self.columns.items())

    @property
    def tables(self) -> tuple[str, ...]:
        """The evidence tables that exist, in reading order."""
        return tuple(self.columns)

    def not_imported(self) -> dict[str, int]:
        """The tables that hold no events, such as the present block list, with their row counts.

        Raises:
            SourceLost: the file became unreadable.
        """
        return {table: self.count(table) for table in self._others}

    def count(self, table: str) -> int:
        """How many rows a table has.

        Raises:
            SourceLost: the file became unreadable.
        """
        try:
            (name,) = _quotable((table,))
            found = self._db.execute(f'SELECT count(*) FROM "{name}"').fetchone()  # noqa: S608
        except sqlite3.Error as error:
            raise SourceLost(str(error)) from error
        return int(found[0])

    def batches(self, table: str, size: int) -> Iterator[list[SourceRow]]:
        """The rows of a table in stored order, at most `size` and about 16 MiB at a time.

        Raises:
            SourceLost: the file became unreadable.
        """
        batch: list[SourceRow] = []
        weight = 0
        try:
            for row in self._rows(table):
                batch.append(row)
                weight += row.size
                if len(batch) >= size or weight >= _MAX_BATCH_BYTES:
                    yield batch
                    batch, weight = [], 0
        except sqlite3.Error as error:
            raise SourceLost(str(error)) from error
        if batch:
            yield batch

    def _rows(self, table: str) -> Iterator[SourceRow]:
        columns = self.columns[table]
        joined = self._joined(table)
        end = 1 + len(columns)
        for found in self._db.execute(self._query(table, joined)):
            values = _filled(columns, found[1:end])
            more = _filled(joined, found[end:])
            yield SourceRow(table, found[0], values, more, _weight(values))

    def _joined(self, table: str) -> tuple[str, ...]:
        """Columns of a finding's scan that the finding itself does not have."""
        if table not in {"findings", "scan_findings"} or "scan_id" not in self.columns[table]:
            return ()
        scan = self.columns.get("scan_results", ())
        if "id" not in scan:
            return ()
        return tuple(c for c in ("timestamp", "target", "scanner", "run_id") if c in scan)

    def _query(self, table: str, joined: tuple[str, ...]) -> str:
        # Names come from the closed list of tables and from the table's own description.
        wanted = ["t.rowid", *(f't."{column}"' for column in _quotable(self.columns[table]))]
        wanted += [f"s.{column}" for column in joined]
        scan = " LEFT JOIN scan_results s ON s.id = t.scan_id" if joined else ""
        return f"SELECT {', '.join(wanted)} FROM {table} t{scan} ORDER BY t.rowid"  # noqa: S608


def _quotable(columns: tuple[str, ...]) -> Iterator[str]:
    return (column.replace('"', '""') for column in columns)


def _filled(names: tuple[str, ...], values: tuple[Any, ...]) -> dict[str, Any]:
    return {n: v for n, v in zip(names, values, strict=True) if v is not None}


def _weight(values: dict[str, Any]) -> int:
    return sum(len(v) for v in values.values() if isinstance(v, str | bytes))
