"""Reading stretches of the log as bytes, past the conversion of every value.

A digest covers everything that the database holds of 256 events: their places, entries, search
rows, openings, and what is remembered of their import. The engine itself writes each row as one
string that no other row has (`audit.rawrows`), so that nothing here is done for each column. It has
a meaning within one engine only.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import NoneType
from typing import Any, Final

from django.db import connection

from audit import rawrows
from audit.known import SPAN

type Row = tuple[Any, ...]

# KiB: who reads each page once has no use for the 64 MiB of those who search; bytes: 2 GiB, nearly,
# is the most that SQLite maps (sqlite.org/mmap.html).
_READ_ONCE: Final = {"cache_size": -4096, "mmap_size": 0x7FFF0000}
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


@dataclass(frozen=True, slots=True)
class Part:
    """What one table has of a stretch: how many rows, and their bytes."""

    many: int
    texts: tuple[bytes, ...] = ()


_NO_ROWS: Final = Part(0)


@contextmanager
def little_cache() -> Iterator[None]:
    """Within the block this connection to SQLite keeps few pages of what it reads.

    It maps as much of the file as the engine can: what is mapped is the system's memory, and is
    not copied.
    """
    if connection.vendor != "sqlite":
        yield
        return
    before = {name: _pragma(name) for name in _READ_ONCE}
    for name, value in _READ_ONCE.items():
        _pragma(name, value)
    try:
        yield
    finally:
        for name, value in before.items():
            _pragma(name, value)


def _pragma(name: str, value: int | None = None) -> int:
    with connection.cursor() as cursor:
        cursor.execute(f"PRAGMA {name}" if value is None else f"PRAGMA {name} = {int(value)}")
        row = cursor.fetchone()
    return int(row[0]) if row else 0


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
    rows = _rows(questions.events, first, end)
    leaves = _leaves(rows, first, end)
    if leaves is None or rows is None:
        return None
    beside: list[dict[int, Part]] = []
    for question in filter(None, (questions.rows, *questions.beside)):
        parts = _parts(question, first, end)
        if parts is None:
            return None
        beside.append(parts)
    terms: list[str] = []
    if words:
        said = _rows(questions.words, first, end)
        if not said or [place for place, _ in said] != list(range(first, end)):
            return None
        terms = [text for _, text in said]
    read = []
    for at in range(0, end - first, SPAN):
        number, upto = (first + at) // SPAN, at + SPAN
        others = [parts.get(number, _NO_ROWS) for parts in beside]
        if questions.rows and others[0].many != SPAN:
            return None
        own = leaves[at:upto]
        texts = (b"".join(own), b"".join([row[3] for row in rows[at:upto]]))
        digest = _digest([*texts, *(text for part in others for text in part.texts)])
        many = tuple(part.many for part in others[-len(questions.beside) :])
        read.append(Stretch(first + at, own, digest, many, terms[at:upto]))
    return read


def _parts(question: str, first: int, end: int) -> dict[int, Part] | None:
    """What a table has of each stretch; None where the engine did not write what was asked for."""
    step = _questions().step_beside
    parts: dict[int, Part] = {}
    for at in range(first, end, step):
        upto = min(at + step, end)
        some = _rows(question, at, upto)
        if some is None:
            return None
        for number, many, *texts in some:
            if not isinstance(number, int) or not at // SPAN <= number < -(-upto // SPAN):
                return None
            if set(map(type, texts)) - {bytes if many else NoneType, NoneType}:
                return None
            parts[number] = Part(many, tuple(text or b"" for text in texts))
    return parts


def _digest(parts: Iterable[bytes]) -> bytes:
    digest = _sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8))  # which ends where the next begins
        digest.update(part)
    return digest.digest()


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
    # Whole numbers, put into the text: sqlite3 of Python 3.12.0 to 3.12.3 warns where `?1` is used
    # with a sequence.
    asked = question.format(first=int(first), end=int(end))
    if connection.vendor == "postgresql":
        from psycopg import Cursor  # SQLite need not load the driver

        with Cursor(connection.connection) as cursor:
            return list(cursor.execute(asked, binary=True).fetchall())
    cursor = connection.connection.cursor()
    try:
        found: list[Row] = cursor.execute(asked).fetchall()
    except sqlite3.OperationalError:
        return None  # text that is no UTF-8, or bytes where text belongs
    finally:
        cursor.close()
    return found
