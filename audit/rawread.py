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
from types import NoneType
from typing import Any

from django.db import connection

from audit import rawrows
from audit.known import SPAN
from audit.prepared import psycopg

type Row = tuple[Any, ...]

_LITTLE = -4096  # KiB: who reads each page once has no use for the 64 MiB of those who search
_sha256 = hashlib.sha256


@dataclass(frozen=True, slots=True)
class Stretch:
    """256 events whose entries hash to their leaves.

    Attributes:
        leaves: hashes computed from the entries.
        digest: over all rows.
        beside: how many rows each table beside them has of these events.
        terms: the words of each search row, where they were asked for.
    """

    first: int
    leaves: list[bytes]
    digest: bytes
    beside: tuple[int, ...]
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
    questions = _questions()
    for at in range(first, end, questions.step):
        upto = min(at + questions.step, end)
        leaves = _leaves(_rows(questions.entries, at, upto), at, upto)
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
    step = _questions().step
    for at in range(first, end, step):
        upto = min(at + step, end)
        found = _read(at, upto, words)
        if found is not None:
            yield from found
            continue
        for one in range(at, upto, SPAN):  # something in one of them
            alone = _read(one, one + SPAN, words)
            yield alone[0] if alone else None


def _read(first: int, end: int, words: bool) -> list[Stretch] | None:
    questions = _questions()
    rows = _rows(questions.with_words if words else questions.events, first, end)
    leaves = _leaves(rows, first, end)
    if leaves is None or rows is None:
        return None
    beside: list[dict[int, tuple[int, bytes]]] = []
    for question in questions.beside:
        parts: dict[int, tuple[int, bytes]] = {}
        for at in range(first, end, questions.step_beside):
            some = _rows(question, at, min(at + questions.step_beside, end))
            if some is None or not _whole(some, first, end):
                return None
            parts |= {number: (many, text or b"") for number, many, text in some}
        beside.append(parts)
    return [_stretch(at, at - first, rows, leaves, beside) for at in range(first, end, SPAN)]


def _stretch(
    first: int,
    at: int,
    rows: list[Row],
    leaves: list[bytes],
    beside: list[dict[int, tuple[int, bytes]]],
) -> Stretch:
    some, own = rows[at : at + SPAN], leaves[at : at + SPAN]
    others = [parts.get(first // SPAN, (0, b"")) for parts in beside]
    digest = _sha256()
    for part in (b"".join(own), b"".join([row[3] for row in some]), *(text for _, text in others)):
        digest.update(len(part).to_bytes(8))  # which ends where the next begins
        digest.update(part)
    terms = [row[4] for row in some] if len(some[0]) > 4 else ()
    return Stretch(first, own, digest.digest(), tuple(many for many, _ in others), terms)


def _whole(some: list[Row], first: int, end: int) -> bool:
    """Whether the engine wrote what was asked for, whatever stands in a column."""
    return all(
        isinstance(number, int)
        and isinstance(text, bytes if many else NoneType)
        and first // SPAN <= number < -(-end // SPAN)
        for number, many, text in some
    )


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


def _questions() -> rawrows.Questions:
    return rawrows.of(connection.vendor)


def _rows(question: str, first: int, end: int) -> list[Row] | None:
    """Rows as the engine holds them; None where it cannot hand one out."""
    connection.ensure_connection()
    if connection.vendor == "postgresql":
        with psycopg().Cursor(connection.connection) as cursor:
            asked = question.format(first=int(first), end=int(end))
            return list(cursor.execute(asked, binary=True).fetchall())
    cursor = connection.connection.cursor()
    try:
        found: list[Row] = cursor.execute(question, (first, end)).fetchall()
    except sqlite3.OperationalError:
        return None  # text that is no UTF-8, or bytes where text belongs
    finally:
        cursor.close()
    return found
