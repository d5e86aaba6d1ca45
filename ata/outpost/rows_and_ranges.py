"""Gathers new rows for the next report: whole where they are on the list, else into a range.

What is gathered is in memory until it is journalled, so a process that is killed in between reads
the same rows again from the position on disk.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any, Final

from ata.outpost.audit_database import FILLED_LATER, AuditDatabase, Position, Row
from ata.outpost.reported_fields import cell, reported
from audit.ledger import merkle
from audit.ledger.format.canonical import canonical

MOST_ROWS: Final = 500
MOST_BYTES: Final = 2**20
MOST_READ: Final = 20_000
_BEFORE_ALL: Final = -(2**53)
"""Rowids from here on can be reported."""


@dataclass(slots=True)
class _Others:
    """The rows of a table that are not reported whole."""

    first: int
    last: int
    leaves: list[bytes] = field(default_factory=list)


@dataclass(slots=True)
class Gathered:
    """New rows since the position on disk."""

    after: dict[str, Position]
    rows: list[dict[str, Any]] = field(default_factory=list)
    spans: dict[str, tuple[int, int]] = field(default_factory=dict)
    why: str = ""
    _others: dict[str, _Others] = field(default_factory=dict)
    _size: int = 0
    _read: int = 0

    @property
    def is_full(self) -> bool:
        """Whether it has to be journalled before more is read."""
        full = len(self.rows) >= MOST_ROWS or self._size >= MOST_BYTES
        return full or self._read >= MOST_READ

    @property
    def is_empty(self) -> bool:
        """Whether no row was read, and no database was replaced."""
        return not self._read and not self.why

    @property
    def is_pressing(self) -> bool:
        """Whether it has what is reported at once; ranges alone wait for the sign of life."""
        return bool(self.rows or self.why) or self.is_full

    def read(self, database: AuditDatabase) -> None:
        """Read what is new, until it is full.

        Raises:
            sqlite3.Error: the database cannot be read now; what was read so far stays.
        """
        for table in database.columns:
            self._check(database, table)
            self._read_table(database, table)

    def ranges(self) -> list[dict[str, Any]]:
        """The ranges of the rows that stay at the gateway."""
        return [
            {
                "table": table,
                "first": one.first,
                "last": one.last,
                "count": len(one.leaves),
                "root": merkle.root(one.leaves).hex(),
            }
            for table, one in self._others.items()
        ]

    def _check(self, database: AuditDatabase, table: str) -> None:
        """Begin again at the first row where the database is not the one that was read."""
        position = self.after.get(table)
        if position is None or not (why := database.check(table, position)):
            return
        self.after.pop(table)
        self.why = self.why or why[:200]
        # All rows of the table are read again; those gathered so far would stand twice.
        self.spans.pop(table, None)
        self._others.pop(table, None)
        self.rows = [one for one in self.rows if one["table"] != table]

    def _read_table(self, database: AuditDatabase, table: str) -> None:
        last = self.after[table][0] if table in self.after else _BEFORE_ALL
        for row in database.after(table, last, MOST_READ):
            if self.is_full:
                return
            self._take(row)
            self.after[table] = (row.number, database.name_of(row))

    def _take(self, row: Row) -> None:
        self._read += 1
        first, last = self.spans.get(row.table, (row.number, row.number))
        self.spans[row.table] = (min(first, row.number), max(last, row.number))
        whole = reported(row)
        if whole is not None:
            self.rows.append(whole)
            self._size += len(canonical(whole))
            return
        others = self._others.setdefault(row.table, _Others(row.number, row.number))
        others.first, others.last = min(others.first, row.number), max(others.last, row.number)
        others.leaves.append(merkle.leaf_hash(digest_of(row)))


def digest_of(row: Row) -> bytes:
    """SHA-256 of a row as read, in canonical JSON: its entry in the Merkle tree of its range."""
    values = {name: cell(value) for name, value in row.values.items() if name not in FILLED_LATER}
    content = {"table": row.table, "rowid": row.number, "row": values}
    return hashlib.sha256(canonical(content)).digest()
