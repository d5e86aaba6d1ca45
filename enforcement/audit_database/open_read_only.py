"""Opening the file of a DefenseClaw audit database, read-only and without disturbing its owner.

Whatever keeps us from reading is said in words at once: nothing here waits for a pipe to be
written to, nor long for a lock.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import quote

_LOCK_WAIT_S: Final = 0.5
"""A reader waits for nobody who writes, but where one has locked the whole database."""
READ_S: Final = 3.0
"""So long one look may take: a view or an odd table in the database can keep SQLite busy for
ever."""
_INSTRUCTIONS: Final = 10_000
"""After so many of its instructions SQLite asks whether the time is over."""
_WAL_HEADER: Final = b"\x02\x02"
"""Bytes 18 and 19 of a database whose journal is a write-ahead log (SQLite file format 1.3)."""

_INDEX_BYTES: Final = 32 * 1024
"""How long the shortest index of a write-ahead log is (`-shm`)."""


class SourceUnreadable(Exception):
    """The database cannot be read now; the message says why, without its path."""


@contextmanager
def connected(path: Path, longest_s: float = READ_S) -> Iterator[sqlite3.Connection]:
    """A connection to the database at `path` that sees one state and cannot write.

    Args:
        longest_s: seconds after which a statement that still runs is ended.

    Raises:
        SourceUnreadable: it is not there, not readable, or no database, or reading takes too long.
    """
    mode = "mode=ro&immutable=1" if _is_of_a_stopped_gateway(path) else "mode=ro"
    try:
        with closing(
            sqlite3.connect(f"file:{quote(str(path))}?{mode}", uri=True, timeout=_LOCK_WAIT_S)
        ) as connection:
            connection.row_factory = sqlite3.Row
            ends = time.monotonic() + longest_s
            connection.set_progress_handler(lambda: time.monotonic() > ends, _INSTRUCTIONS)
            connection.execute("PRAGMA query_only=ON")
            connection.execute("BEGIN")
            yield connection
    except sqlite3.Error as error:
        raise SourceUnreadable(_said(error, path)) from error


def columns_of(source: sqlite3.Connection, table: str) -> set[str]:
    """The columns of a table; none where it is no table but a view, or not there."""
    made = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?"
    if source.execute(made, (table,)).fetchone() is None:
        return set()
    return {str(row[1]) for row in source.execute(f"PRAGMA table_info({table})")}


def _is_of_a_stopped_gateway(path: Path) -> bool:
    """Whether no process has it open: an orderly stop leaves no write-ahead log next to it.

    SQLite would make that log to read, which another user may not and we must not: nobody writes,
    so it is read as it is.
    """
    try:
        return _header(path)[18:20] == _WAL_HEADER and not _log_of(path).exists()
    except FileNotFoundError:
        raise SourceUnreadable(_what_is_missing(path)) from None
    except PermissionError as error:
        raise SourceUnreadable(
            "the user that the portal runs as may not open its audit database or a folder above it "
            f"({error.strerror})"
        ) from None
    except OSError as error:
        raise SourceUnreadable(f"its audit database cannot be opened ({error.strerror})") from None


def _header(path: Path) -> bytes:
    """The first bytes of a file; a pipe or device in its place is not opened for reading."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise SourceUnreadable("what audit_db names is no file but a folder, pipe or device")
        return os.read(descriptor, 100)
    finally:
        os.close(descriptor)


def _log_of(path: Path) -> Path:
    """The write-ahead log, which SQLite names after the file that a link leads to."""
    real = path.resolve()
    return real.with_name(f"{real.name}-wal")


def _what_is_missing(path: Path) -> str:
    if path.is_symlink():
        return "its audit_db is a link that leads to no file"
    if not path.parent.exists():
        return "the folder of its audit database is not there"
    return "its audit database is not there yet"


def _said(error: sqlite3.Error, path: Path) -> str:
    """What SQLite says, and what that means where its text alone leads astray."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
        return "another process has locked its audit database as a whole"
    if code == sqlite3.SQLITE_INTERRUPT:
        return "reading its audit database took too long and was ended"
    if code == sqlite3.SQLITE_FULL or (code == sqlite3.SQLITE_IOERR and _is_full(path)):
        return "the disk of its audit database is full"
    if code in {sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT}:
        return f"what audit_db names is no database, or a damaged one: {error}"
    return f"its audit database cannot be read: {error}"


def _is_full(path: Path) -> bool:
    """Whether the index of a write-ahead log, which every reader shares, does not fit any more."""
    try:
        return shutil.disk_usage(path.parent).free < _INDEX_BYTES
    except OSError:
        return False
