"""Reads new rows of a gateway's `audit.db` by rowid, without disturbing the gateway.

Opened read-only, each look in one read transaction. Tables and columns are found by looking, so
the databases of 0.2.0, 0.8.4 and HEAD are read alike.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

TABLES: Final = (
    "audit_events",
    "activity_events",
    "scan_results",
    "findings",
    "scan_findings",
    "network_egress_events",
    "alert_acknowledgement_operations",
    "judge_responses",
)
"""The tables to which a gateway only adds. Its others are working state."""
FILLED_LATER: Final = frozenset({"retention_timestamp_unix_nano"})
"""Columns that DefenseClaw's migrations fill in from others; no part of a row's content."""
_MOST: Final = 2**53 - 1
_SCAN: Final = ("timestamp", "target", "scanner", "run_id")
_SCAN_OF: Final = {"scan_results": "id", "findings": "scan_id", "scan_findings": "scan_id"}
"""The column that names a row's scan."""


@dataclass(frozen=True, slots=True)
class Row:
    """A row as read, without its NULLs; `scan` has what the scan of a finding says, and the digest
    of what was scanned, where the gateway took one."""

    table: str
    number: int
    values: dict[str, Any]
    scan: dict[str, Any]


type Position = tuple[int, str]
"""The last row that was read of a table: its rowid, and what names it."""


class AuditDatabase:
    """An open audit database: its tables, their rows by rowid, entries and quarantine."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection
        present = {n for (n,) in connection.execute("SELECT name FROM sqlite_master")}
        self.columns = {
            table: tuple(str(one[1]) for one in connection.execute(f"PRAGMA table_info({table})"))
            for table in TABLES
            if table in present
        }
        self.has_entries = "actions" in present
        snapshots = connection.execute("PRAGMA table_info(target_snapshots)")
        self._has_snapshots = {"scan_id", "content_hash"} <= {str(one[1]) for one in snapshots}

    def check(self, table: str, position: Position) -> str:
        """Why a position does not fit this database; empty where it does."""
        number, name = position
        query = f"SELECT {_name_column(self.columns[table])} FROM {table} WHERE rowid = ?"  # noqa: S608 - fixed names
        found = self._db.execute(query, (number,)).fetchone()
        if found is None:
            return f"{table}: row {number}, the last one read, is gone"
        if _text_of(found[0]) != name:
            return f"{table}: row {number}, the last one read, is another one now"
        return ""

    def after(self, table: str, number: int, most: int) -> Iterator[Row]:
        """At most so many rows with a higher rowid, in their order."""
        columns = self.columns[table]
        joined = self._joined(table)
        wanted = ["t.rowid", *(_quoted(f"t.{one}") for one in columns)]
        wanted += [f"s.{one}" for one in joined]
        scan = " LEFT JOIN scan_results s ON s.id = t.scan_id" if joined else ""
        if (scan_id := _SCAN_OF.get(table, "")) in columns and self._has_snapshots:
            joined = (*joined, "digest")
            wanted.append(
                "(SELECT content_hash FROM target_snapshots "  # noqa: S608 - fixed names
                f"WHERE scan_id = t.{scan_id} LIMIT 1)"
            )
        query = (
            f"SELECT {', '.join(wanted)} FROM {table} t{scan} "  # noqa: S608 - fixed names
            "WHERE t.rowid > ? AND t.rowid <= ? ORDER BY t.rowid LIMIT ?"
        )
        end = 1 + len(columns)
        for found in self._db.execute(query, (number, _MOST, most)):
            values = _filled(columns, found[1:end])
            yield Row(table, found[0], values, _filled(joined, found[end:]))

    def name_of(self, row: Row) -> str:
        """What names a row: its id, by which a row that took its number differs."""
        column = _name_column(self.columns[row.table])
        return _text_of(row.number if column == "rowid" else row.values.get(column))

    def entries(self, most: int) -> list[dict[str, Any]]:
        """The gateway's own lists, as they are now: the rows of `actions`."""
        if not self.has_entries:
            return []
        rows = self._db.execute("SELECT * FROM actions ORDER BY rowid LIMIT ?", (most,))
        names = tuple(str(one[0]) for one in rows.description)
        return [_filled(names, found) for found in rows]

    def entries_of(self, kind: str, name: str) -> list[dict[str, Any]]:
        """The rows of `actions` of one component: of all agents, and of each one."""
        if not self.has_entries:
            return []
        query = "SELECT * FROM actions WHERE target_type = ? AND target_name = ? ORDER BY rowid"
        rows = self._db.execute(query, (kind, name))
        names = tuple(str(one[0]) for one in rows.description)
        return [_filled(names, found) for found in rows]

    @property
    def generation(self) -> str:
        """Which DefenseClaw made this database, by its columns; empty where none is known."""
        columns = self.columns.get("audit_events", ())
        if "projected_record_json" in columns:
            return "head"
        if "run_id" in columns:
            return "0.8.4"
        return "0.2.0" if {"timestamp", "action", "actor"} <= set(columns) else ""

    def _joined(self, table: str) -> tuple[str, ...]:
        if table not in {"findings", "scan_findings"} or "scan_id" not in self.columns[table]:
            return ()
        scan = self.columns.get("scan_results", ())
        return tuple(one for one in _SCAN if one in scan) if "id" in scan else ()


@contextmanager
def opened(path: Path) -> Iterator[AuditDatabase]:
    """The database at `path` in one read transaction.

    Raises:
        sqlite3.Error, OSError: it cannot be read now.
    """
    with closing(_connect(path)) as connection:
        connection.text_factory = _text
        connection.execute("PRAGMA query_only=ON")
        connection.execute("BEGIN")
        yield AuditDatabase(connection)


def _connect(path: Path) -> sqlite3.Connection:
    uri = f"{path.resolve().as_uri()}?mode=ro"
    connection = sqlite3.connect(uri, uri=True, timeout=5.0, isolation_level=None)
    try:
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.OperationalError as error:
        connection.close()
        # In a folder we may not write to, and without a log file, nobody is writing it.
        if "unable to open" in str(error) and path.exists() and not _log_file(path).exists():
            return sqlite3.connect(f"{uri}&immutable=1", uri=True, isolation_level=None)
        raise
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _log_file(path: Path) -> Path:
    return path.with_name(f"{path.name}-wal")


def _name_column(columns: tuple[str, ...]) -> str:
    present = frozenset(columns)
    return next((one for one in ("id", "operation_id") if one in present), "rowid")


def _quoted(name: str) -> str:
    table, _, column = name.partition(".")
    return f'{table}."{column.replace(chr(34), chr(34) * 2)}"'


def _filled(names: tuple[str, ...], values: tuple[Any, ...]) -> dict[str, Any]:
    return {n: v for n, v in zip(names, values, strict=True) if v is not None}


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")


def _text_of(value: Any) -> str:
    return value if isinstance(value, str) and value.isprintable() else repr(value)
