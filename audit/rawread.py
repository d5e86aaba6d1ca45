"""Reading stretches of the log as bytes, past Django's conversion of every value.

A digest covers everything that the database holds of 256 events: their places, entries, search
rows, openings, and what is remembered of their import. It has a meaning within one engine only.
"""

from __future__ import annotations

import hashlib
import marshal
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from django.db import connection, models

from audit import fulltext
from audit.known import SPAN
from audit.models import EventRow, ImportedRow, Openings

type Row = tuple[Any, ...]

_sha256 = hashlib.sha256


@dataclass(frozen=True, slots=True)
class Stretch:
    """256 events whose entries hash to their leaves.

    Attributes:
        leaves: hashes computed from the entries.
        digest: over all rows, empty where only entries were read.
        terms: the words of each search row, on SQLite.
    """

    first: int
    leaves: list[bytes]
    digest: bytes = b""
    terms: Sequence[str] = ()


def entries(first: int, end: int) -> list[bytes] | None:
    """Leaf hashes of `first <= seq < end` computed from the entries.

    None where an entry is missing or does not hash to the leaf stored beside it.
    """
    rows = _rows(
        "SELECT n.seq, e.entry, e.leaf_hash FROM audit_entry n "  # noqa: S608 - numbers
        f"JOIN audit_event e ON e.id = n.event_id {_between(first, end)} ORDER BY n.seq"
    )
    return _leaves(rows, first, end, 1)


def stretch(first: int) -> Stretch | None:
    """All that is stored of the 256 events from `first` on.

    None where something is missing or unreadable, or an entry does not hash to its leaf.
    """
    vendor = connection.vendor
    columns, words = _columns(vendor)
    where = _between(first, first + SPAN)
    rows = _rows(
        f"SELECT {columns} FROM audit_entry n "  # noqa: S608 - numbers and constant names
        "JOIN audit_event e ON e.id = n.event_id JOIN audit_eventrow r ON r.seq = n.seq "
        f"{where} ORDER BY n.seq"
    )
    leaves = _leaves(rows, first, first + SPAN, 1)
    if leaves is None or rows is None:
        return None
    digest = _sha256(marshal.dumps(rows, 2))
    for model in (Openings, ImportedRow):
        beside = ", ".join(["n.seq", *_plain(model, "o", vendor)])
        some = _rows(
            f"SELECT {beside} FROM audit_entry n "  # noqa: S608 - numbers and constant names
            f"JOIN {model._meta.db_table} o ON o.event = n.event_id {where} ORDER BY n.seq, o.id"
        )
        if some is None:
            return None
        digest.update(marshal.dumps(some, 2))
    terms = [row[words] for row in rows] if vendor == "sqlite" else ()
    return Stretch(first, leaves, digest.digest(), terms)


def _between(first: int, end: int) -> str:
    return f"WHERE n.seq >= {int(first)} AND n.seq < {int(end)}"


def _leaves(rows: list[Row] | None, first: int, end: int, at: int) -> list[bytes] | None:
    if rows is None or len(rows) != end - first:
        return None
    try:
        leaves = [_sha256(b"\0" + row[at]).digest() for row in rows]
    except TypeError:
        return None
    places = [_number(row[0]) for row in rows]
    stored = [row[at + 1] for row in rows]
    return leaves if stored == leaves and places == list(range(first, end)) else None


def _number(value: Any) -> int:
    # PostgreSQL's binary COPY hands out the eight bytes of a bigint.
    return value if isinstance(value, int) else int.from_bytes(value)


def _rows(query: str) -> list[Row] | None:
    """Rows as the engine holds them; None where it cannot hand one out."""
    connection.ensure_connection()
    cursor = connection.connection.cursor()
    try:
        if connection.vendor == "sqlite":
            return list(cursor.execute(query).fetchall())
        with cursor.copy(f"COPY ({query}) TO STDOUT (FORMAT binary)") as copy:
            return list(copy.rows())
    except sqlite3.OperationalError:
        return None  # text that is no UTF-8: SQLite keeps any bytes in any column
    finally:
        cursor.close()


def _plain(model: type[models.Model], of: str, vendor: str) -> list[str]:
    """Columns of a table as they are stored."""
    columns = []
    for field in model._meta.concrete_fields:
        name = f'{of}."{field.column}"'
        # The driver makes a datetime of a column, and leaves an expression alone.
        dated = vendor == "sqlite" and isinstance(field, models.DateTimeField)
        columns.append(f"+{name}" if dated else name)
    return columns


@cache
def _columns(vendor: str) -> tuple[str, int]:
    """What is read of an event and its search row, and the place of the words in it."""
    recorded = "+e.recorded_at" if vendor == "sqlite" else "e.recorded_at"
    columns = ["n.seq", "e.entry", "e.leaf_hash", "n.event_id", recorded]
    words = len(columns) + [f.column for f in EventRow._meta.concrete_fields].index("terms")
    columns += _plain(EventRow, "r", vendor)
    if vendor == "postgresql":
        columns.append(f"r.{fulltext.PG_VECTOR}")
    return ", ".join(columns), words
