"""The bytes that SQLite's index of words consists of, to recognise one in which nothing changed.

What the index holds is what FTS5 makes of its tables `_data`, `_idx` and `_config` and of the
statement that created it. While all of these are the same, so are its postings; they need not be
listed again, which takes longer than reading every row. The bytes of an index that grew say
nothing: its segments are merged at any time. Then `indexcheck` lists the postings.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator
from typing import Any, Final

from django.db import connection

from audit.fulltext import TABLE
from audit.known import SPAN

# Blocks are looked up by their number, as FTS5 does: in a file that somebody bent, a walk along the
# table might meet others. Values are told with their types.
_QUESTIONS: Final = (
    f"SELECT type, name, tbl_name, sql FROM main.sqlite_master WHERE name LIKE '{TABLE}%' "  # noqa: S608
    "ORDER BY type, name",
    f"SELECT k, v FROM main.{TABLE}_config ORDER BY k",  # noqa: S608
    f"SELECT segid, term, pgno FROM main.{TABLE}_idx ORDER BY segid, term",  # noqa: S608
    f"SELECT i.id, d.block FROM (SELECT id FROM main.{TABLE}_data ORDER BY id) i "  # noqa: S608
    f"CROSS JOIN main.{TABLE}_data d ON d.id = i.id",
)
_TAIL: Final = "SELECT seq, terms FROM audit_eventrow WHERE seq >= ? AND seq < ? ORDER BY seq"


def seal(size: int) -> bytes:
    """Digest of the index, of `size`, and of the words of the rows behind the last whole stretch.

    To be called within `recount.one_moment`. Of the rows of whole stretches tells
    `knownwhole.Chain`. Empty where the engine has no such index, or what it holds cannot be read.
    """
    if connection.vendor != "sqlite":
        return b""
    digest = hashlib.sha256(repr((sqlite3.sqlite_version, size)).encode())
    try:
        for row in _rows(size):
            *others, last = row
            if isinstance(last, bytes):  # a block: to write it as text takes longer than to hash it
                digest.update(f"{others!r} {len(last)}\n".encode())
                digest.update(last)
            else:
                said = repr(row).encode()
                digest.update(f"{len(said)}\n".encode())
                digest.update(said)
    except (sqlite3.Error, UnicodeError):
        return b""
    return digest.digest()


def _rows(size: int) -> Iterator[tuple[Any, ...]]:
    connection.ensure_connection()
    cursor = connection.connection.cursor()
    try:
        for question in _QUESTIONS:
            yield (question,)
            yield from cursor.execute(question)
        yield from cursor.execute(_TAIL, (size // SPAN * SPAN, size))
    finally:
        cursor.close()
