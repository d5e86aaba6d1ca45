"""How long one request waits for the database in all.

Each statement has a bound (`portal.database_settings`), but a request that waits for several locks
would wait for each of them. Within `bounded` no statement begins once IN_ALL_S were spent
on those before it. Only processes that answer requests use it; what a streamed answer reads later
is not counted, nor what is read `without_counting`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final

from django.db import OperationalError, connection

from http_client import time_budget_for_all_calls

IN_ALL_S: Final = 10.0
"""With one more statement (15 s) and the wait for a connection (5 s) it ends within 30 s."""


class WaitedTooLong(OperationalError):
    """A request spent so much time on the database that no further statement is begun."""


class _Spent:
    """Seconds that the statements of one request took; an execute wrapper of Django's."""

    def __init__(self, in_all_s: float) -> None:
        self.in_all_s, self.counts = in_all_s, True
        self.restart()

    def restart(self) -> None:
        self._seconds, self._calls = 0.0, time_budget_for_all_calls.calls()

    def __call__(
        self,
        execute: Callable[..., Any],
        sql: Any,
        params: Any,
        many: bool,
        context: dict[str, Any],
    ) -> Any:
        if not self.counts:
            return execute(sql, params, many, context)
        if self._calls != time_budget_for_all_calls.calls():
            self.restart()
        if self._seconds >= self.in_all_s and not _ends_a_savepoint(sql):
            raise WaitedTooLong(f"the database took {self._seconds:.1f} s of this request")
        began = time.monotonic()
        try:
            return execute(sql, params, many, context)
        finally:
            self._seconds += time.monotonic() - began


_spent: ContextVar[_Spent | None] = ContextVar("database_time_spent", default=None)


@contextmanager
def bounded(in_all_s: float | None = None) -> Iterator[None]:
    """Bound what the block waits for the database: IN_ALL_S seconds, unless named.

    The count begins again after each call to another system: what that did has to be recorded.

    Raises:
        WaitedTooLong: instead of a further statement. Django undoes the transaction under way.
    """
    spent = _Spent(IN_ALL_S if in_all_s is None else in_all_s)
    token = _spent.set(spent)
    try:
        with connection.execute_wrapper(spent):
            yield
    finally:
        _spent.reset(token)


@contextmanager
def without_counting() -> Iterator[None]:
    """Count no statement of the block: it makes a file, whose size bounds what it reads.

    Each statement keeps its own bound.
    """
    spent = _spent.get()
    if spent is None:
        yield
        return
    spent.counts = False
    try:
        yield
    finally:
        spent.counts = True


def _ends_a_savepoint(sql: Any) -> bool:
    """Whether it ends a savepoint, which waits for nobody. Where that fails after an error, Django
    undoes the whole transaction and reports it to nobody: the error may have been caught."""
    return isinstance(sql, str) and sql.startswith(_ENDS_A_SAVEPOINT)


_ENDS_A_SAVEPOINT: Final = ("ROLLBACK TO SAVEPOINT", "RELEASE SAVEPOINT")
