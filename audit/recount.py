"""The counts as they were when the log was shorter, to recognise them by.

What came later is counted and taken off; of what is left a digest is made, cell by cell.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from django.db import OperationalError, connection

from audit.rollups import CELL, counted

_BEGIN: Final = {
    "sqlite": "BEGIN DEFERRED",
    "postgresql": "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
}
_TEXT: Final = {"sqlite": "json_array({0})", "postgresql": "json_build_array({0})::text"}
_JOINED: Final = {"sqlite": "group_concat(t, '')", "postgresql": "string_agg(t, '' ORDER BY id)"}
_STEP: Final = 512  # cells in one text


@contextmanager
def one_moment() -> Iterator[None]:
    """What is read in the block is of one moment, whoever writes; nothing may be written."""
    if connection.in_atomic_block:
        yield
        return
    with connection.cursor() as cursor:
        cursor.execute(_BEGIN[connection.vendor])
        try:
            yield
        finally:
            cursor.execute("ROLLBACK")


def digests(first: int, upto: int) -> tuple[bytes, bytes] | None:
    """Digests of the counts of the events before `first`, and of those before `upto`.

    To be called within `one_moment`. None where a later event is counted nowhere, or a cell holds
    what none can.
    """
    try:
        return _digests(first, upto)
    except OperationalError:
        if connection.vendor != "sqlite":
            raise
        return None  # bytes where text belongs: the engine writes no JSON of them


def _digests(first: int, upto: int) -> tuple[bytes, bytes] | None:
    with connection.cursor() as cursor:
        later = _later(cursor, first, upto)
        if later is None:
            return None
        cursor.execute("SELECT min(id), max(id) FROM audit_rollup")
        lowest, highest = cursor.fetchone()
        before, through = hashlib.sha256(), hashlib.sha256()
        changed = {id // _STEP for id in later}
        for at in range((lowest or 0) // _STEP, (highest or -1) // _STEP + 1):
            if at in changed:
                _singly(cursor, at, later, before, through)
                continue
            cursor.execute(
                f"SELECT {_JOINED[connection.vendor]} FROM ({_cells(at, joined=True)}) c"  # noqa: S608 - constant names
            )
            said = str(cursor.fetchone()[0] or "").encode()
            before.update(said)
            through.update(said)
    return before.digest(), through.digest()


def _later(cursor: Any, first: int, upto: int) -> dict[int, tuple[int, int]] | None:
    """How many events from `first` and from `upto` on each cell counts, by its id."""
    late = f"sum(CASE WHEN seq >= {int(upto)} OR seq < 0 THEN 1 ELSE 0 END)"
    same = " AND ".join(f"s.{name} = c.{name}" for name in CELL)
    # Of a place below zero, which no event has, nothing was ever counted rightly.
    condition = f"seq >= {int(first)} OR seq < 0"
    cursor.execute(
        f"WITH {counted(connection.vendor, condition, late)} SELECT s.id, c.n, c.late "  # noqa: S608
        f"FROM c LEFT JOIN audit_rollup s ON {same}"
    )
    found = cursor.fetchall()
    if any(id is None for id, _, _ in found):
        return None
    return {int(id): (int(n), int(late)) for id, n, late in found}


def _cells(at: int, *, joined: bool) -> str:
    text = _TEXT[connection.vendor]
    cell, n = text.format(", ".join(CELL)), text.format("n")
    said = f"{cell} || {n} AS t" if joined else f"{cell} AS t, n"
    # A cell that counts nothing is as good as none.
    return (
        f"SELECT id, {said} FROM audit_rollup "  # noqa: S608 - constant names
        f"WHERE id >= {at * _STEP} AND id < {(at + 1) * _STEP} AND n <> 0 ORDER BY id"
    )


def _singly(
    cursor: Any, at: int, later: dict[int, tuple[int, int]], before: Any, through: Any
) -> None:
    cursor.execute(_cells(at, joined=False))
    for id, cell, n in cursor.fetchall():
        if not isinstance(n, int):
            before.update(b"?")
            continue
        for digest, less in zip((before, through), later.get(id, (0, 0)), strict=True):
            if n != less:
                digest.update(f"{cell}[{n - less}]".encode())
