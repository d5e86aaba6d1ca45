"""Rows that seldom change, kept by a process until the database itself says that one did.

Within `looking`, a compiled query over watched tables (`audit.watched`) is asked once for the same
arguments and answered from memory after that, for as long as the mark stays. The mark is read anew
for each look, before anything else, so that what is kept is never older than it.

Inside a transaction nothing is kept: what it changed itself is not told yet.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final

from django.db import connection

from audit import watched

log = logging.getLogger(__name__)

MOST: Final = 10_000
"""Answers in memory; beyond, all are forgotten: some arguments are of the caller's choosing."""

SQL: Final = "SELECT mark FROM audit_lastchange WHERE id = 1"


class Kept:
    """What was read while a mark stood."""

    def __init__(self, mark: str) -> None:
        self.mark = mark
        self._rows: dict[Any, tuple[Any, ...]] = {}

    def find(self, question: Any) -> tuple[Any, ...] | None:
        """The rows that answer it; None where nobody asked yet."""
        return self._rows.get(question)

    def keep(self, question: Any, rows: tuple[Any, ...]) -> None:
        """Answer so from now on."""
        if len(self._rows) >= MOST:
            self._rows.clear()
        self._rows[question] = rows


class Look:
    """A look that is under way. The mark is read with its first question."""

    def __init__(self) -> None:
        self._kept: Kept | None = None

    def kept(self) -> Kept | None:
        """What is kept while the mark stands; None where there is no mark."""
        if self._kept is None:
            self._kept = _kept(mark())
        return self._kept


_newest: Kept | None = None
_looking: ContextVar[Look | None] = ContextVar("unchanged_looking", default=None)
_watched: dict[str, frozenset[str]] = {}  # by database


def mark() -> str | None:
    """The mark as it stands, in the caller's transaction if there is one; None where there is none.

    Two equal marks say that no watched table changed between them.
    """
    with connection.cursor() as cursor:
        cursor.execute(SQL)
        found = cursor.fetchone()
    return str(found[0]) if found else None


@contextmanager
def looking() -> Iterator[None]:
    """Answer from memory what did not change. Within another look it is that one."""
    token = _looking.set(_looking.get() or Look())
    try:
        yield
    finally:
        _looking.reset(token)


@contextmanager
def afresh() -> Iterator[None]:
    """Ask the database itself, where something else may have happened since the look began."""
    token = _looking.set(None)
    try:
        yield
    finally:
        _looking.reset(token)


def look() -> Look | None:
    """The look that is under way, if it may be used now."""
    return None if connection.in_atomic_block else _looking.get()


def current() -> Kept | None:
    """What is kept for the look that is under way, if it may be used now."""
    return found.kept() if (found := look()) else None


def _kept(found: str | None) -> Kept | None:
    global _newest
    if found is None:
        return None
    kept = _newest
    if kept is None or kept.mark != found:
        kept = _newest = Kept(found)
    return kept


def forget() -> None:
    """Ask everything anew from the next look on."""
    global _newest
    _newest = None


def are_watched(tables: frozenset[str]) -> bool:
    """Whether changes of all these tables are told in this database."""
    name = str(connection.settings_dict["NAME"])
    found = _watched.get(name)
    if found is None:
        found = _watched[name] = watched.tables()
        for problem in watched.problems():
            log.warning("%s", problem)
    return bool(tables) and tables <= found
