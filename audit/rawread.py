"""Reading stretches of the log as bytes, past the conversion of every value.

A digest covers everything that the database holds of 256 events: their places, entries, search
rows, openings, and what is remembered of their import. The engine itself writes each row as one
string that no other row has (`audit.rawrows`), so that nothing here is done for each column. It has
a meaning within one engine only.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.db import connection

from audit import rawrows
from audit.bulk import psycopg
from audit.known import SPAN

type Row = tuple[Any, ...]

STEP = 4 * SPAN
"""Events in one question: fewer leave the engine more to plan than to read."""

_LITTLE = -4096  # KiB: who reads each page once has no use for the 64 MiB of those who search
_sha256 = hashlib.sha256


@dataclass(frozen=True, slots=True)
class Stretch:
    """256 events whose entries hash to their leaves.

    Attributes:
        leaves: hashes computed from the entries.
        digest: over all rows.
        terms: the words of each search row, where they were asked for.
    """

    first: int
    leaves: list[bytes]
    digest: bytes
    terms: Sequence[str] = ()


@contextmanager
def little_cache() -> Iterator[None]:
    """Within the block this connection to SQLite keeps few pages of what it reads."""
    if connection.vendor != "sqlite":
        yield
        return
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA cache_size")
        (before,) = cursor.fetchone()
    _keep(_LITTLE)
    try:
        yield
    finally:
        _keep(before)


def _keep(pages: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"PRAGMA cache_size = {int(pages)}")


def entries(first: int, end: int) -> list[bytes] | None:
    """Leaf hashes of `first <= seq < end` computed from the entries.

    None where an entry is missing or does not hash to the leaf stored beside it.
    """
    found: list[bytes] = []
    for at in range(first, end, STEP):
        upto = min(at + STEP, end)
        rows = _rows(
            "SELECT n.seq, e.entry, e.leaf_hash FROM audit_entry n "  # noqa: S608 - numbers
            f"JOIN audit_event e ON e.id = n.event_id WHERE {_between(at, upto)} ORDER BY n.seq"
        )
        leaves = _leaves(rows, at, upto)
        if leaves is None:
            return None
        found += leaves
    return found


def stretch(first: int, *, words: bool = False) -> Stretch | None:
    """All that is stored of the 256 events from `first` on.

    None where something is missing or unreadable, or an entry does not hash to its leaf.
    """
    return next(stretches(first, first + SPAN, words=words))


def stretches(first: int, end: int, *, words: bool = False) -> Iterator[Stretch | None]:
    """All that is stored of `first <= seq < end`, whole stretches, one after the other.

    Args:
        words: hand out the words of search rows too.
    """
    for at in range(first, end, STEP):
        upto = min(at + STEP, end)
        found = _read(at, upto, words)
        if found is not None:
            yield from found
            continue
        for one in range(at, upto, SPAN):  # something in one of them
            alone = _read(one, one + SPAN, words)
            yield alone[0] if alone else None


def _read(first: int, end: int, words: bool) -> list[Stretch] | None:
    written = rawrows.of(connection.vendor)
    terms = ", r.terms" if words else ""
    # Follows from the join, and lets PostgreSQL read both by place beside each other; SQLite, which
    # looks each row up at less cost, might begin with the other table.
    also = f"AND {_between(first, end, 'r')}" if connection.vendor == "postgresql" else ""
    rows = _rows(
        f"SELECT n.seq, e.entry, e.leaf_hash, {written.event}{terms} "  # noqa: S608 - numbers and constant names
        "FROM audit_entry n JOIN audit_event e ON e.id = n.event_id "
        f"JOIN audit_eventrow r ON r.seq = n.seq WHERE {_between(first, end)} {also} ORDER BY n.seq"
    )
    leaves = _leaves(rows, first, end)
    if leaves is None or rows is None:
        return None
    beside: dict[int, list[bytes]] = {}
    for kind, question in enumerate(written.beside):
        some = _rows(question.format(where=_between(first, end)))
        if some is None or not _whole(some, first, end):
            return None
        for number, text in some:
            parts = beside.setdefault(number, [b""] * len(written.beside))
            parts[kind] = text
    return [_stretch(at, at - first, rows, leaves, beside) for at in range(first, end, SPAN)]


def _stretch(
    first: int, at: int, rows: list[Row], leaves: list[bytes], beside: dict[int, list[bytes]]
) -> Stretch:
    some, own = rows[at : at + SPAN], leaves[at : at + SPAN]
    parts = [b"".join(own), b"".join([row[3] for row in some]), *beside.get(first // SPAN, ())]
    digest = _sha256()
    for part in parts:  # which ends where the next begins
        digest.update(len(part).to_bytes(8))
        digest.update(part)
    terms = [row[4] for row in some] if len(some[0]) > 4 else ()
    return Stretch(first, own, digest.digest(), terms)


def _whole(some: list[Row], first: int, end: int) -> bool:
    """Whether the engine wrote what was asked for, whatever stands in a column."""
    return all(
        isinstance(number, int)
        and isinstance(text, bytes)
        and first // SPAN <= number < -(-end // SPAN)
        for number, text in some
    )


def _between(first: int, end: int, table: str = "n") -> str:
    return f"{table}.seq >= {int(first)} AND {table}.seq < {int(end)}"


def _leaves(rows: list[Row] | None, first: int, end: int) -> list[bytes] | None:
    if not rows:
        return None
    places, entries, stored, *_ = zip(*rows, strict=True)
    if places != tuple(range(first, end)):
        return None
    try:
        leaves = [_sha256(b"\0" + entry).digest() for entry in entries]
    except TypeError:
        return None
    return leaves if list(stored) == leaves else None


def _rows(question: str) -> list[Row] | None:
    """Rows as the engine holds them; None where it cannot hand one out."""
    connection.ensure_connection()
    if connection.vendor == "postgresql":
        with psycopg().Cursor(connection.connection) as cursor:
            return list(cursor.execute(question, binary=True).fetchall())
    cursor = connection.connection.cursor()
    try:
        return list(cursor.execute(question).fetchall())
    except sqlite3.OperationalError:
        return None  # text that is no UTF-8, or bytes where text belongs
    finally:
        cursor.close()
