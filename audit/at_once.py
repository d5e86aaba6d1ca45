"""A transaction whose statements PostgreSQL gets all at once, instead of one after each answer.

Each answer that is awaited costs a turn over the wire, and one at the interpreter as well. So what
is to happen is said beforehand, with what each statement is expected to do; where one did
otherwise, nothing is written, and the caller goes the long way.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from django.db import Error, connection


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement, and what it has to do for the transaction to be committed.

    `rows` is how many it changes, `answer` the only row that it finds; None says nothing of it.
    """

    sql: str
    params: Sequence[Any] = ()
    rows: int | None = None
    answer: tuple[Any, ...] | None = None


def possible() -> bool:
    """Whether this database takes them so, and no transaction is under way."""
    return connection.vendor == "postgresql" and not connection.in_atomic_block


def commit(statements: Sequence[Statement]) -> bool:
    """Make a transaction of them; False where one did not do what was expected: nothing is written.

    Raises:
        django.db.Error: what the database did. Nothing is written then, unless the connection was
            lost during the commit itself.
    """
    with connection.cursor() as cursor:
        # One message of the simple protocol (PostgreSQL manual, "Multiple Statements in a Simple
        # Query"): the values are put in by the client, as Django's cursors do it anyway.
        values: Any = cursor.cursor
        said = [values.mogrify(one.sql, one.params) for one in statements]
        try:
            cursor.execute("; ".join(["BEGIN", *said]))
            held = all([_held(one, cursor) for one in statements])
            cursor.execute("COMMIT" if held else "ROLLBACK")
        except BaseException:
            with suppress(Error):
                cursor.execute("ROLLBACK")
            raise
    return held


def _held(one: Statement, cursor: Any) -> bool:
    """Whether it did what was expected; its results are the next that the cursor has."""
    cursor.nextset()
    if one.answer is not None and cursor.fetchall() != [one.answer]:
        return False
    return one.rows is None or cursor.rowcount == one.rows
