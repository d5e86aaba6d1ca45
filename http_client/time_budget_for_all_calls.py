"""How long all calls of one request wait for their peers together.

Each attempt has a bound (`Timeouts.total`), but a request may make several calls, each with
retries. Where nobody opened a budget, as in workers and commands, nothing is counted.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

from http_client.deadline import ends_at

IN_ALL_S: Final = 30.0


class _Budget:
    def __init__(self, left_s: float) -> None:
        self.left_s = left_s
        self.calls = 0


_budget: ContextVar[_Budget | None] = ContextVar("outbound_budget", default=None)


@contextmanager
def bounded(in_all_s: float = IN_ALL_S) -> Iterator[None]:
    """Give the calls of this block `in_all_s` seconds together."""
    token = _budget.set(_Budget(in_all_s))
    try:
        yield
    finally:
        _budget.reset(token)


@contextmanager
def spending() -> Iterator[None]:
    """Count the time of one call, its retries included, which ends when nothing is left."""
    budget = _budget.get()
    if budget is None:
        yield
        return
    began = time.monotonic()
    try:
        with ends_at(began + budget.left_s):
            yield
    finally:
        budget.left_s -= time.monotonic() - began
        budget.calls += 1


def calls() -> int:
    """How many calls of this request have ended; 0 outside `bounded`."""
    budget = _budget.get()
    return budget.calls if budget else 0
