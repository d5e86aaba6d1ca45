"""What surrounds a wait for bytes: somebody else may work meanwhile.

A server that has few threads lends another one while one of them waits. Only for calls that say
so, since a caller that waits like that may hold nothing that others are waiting for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar

type Waiting = Callable[[], AbstractContextManager[None]]

_waiting: ContextVar[Waiting] = ContextVar("outbound_waiting", default=nullcontext)


@contextmanager
def waits_in(waiting: Waiting) -> Iterator[None]:
    """Wait for bytes of this block's calls within `waiting`."""
    token = _waiting.set(waiting)
    try:
        yield
    finally:
        _waiting.reset(token)


def waiting() -> AbstractContextManager[None]:
    """What this call waits in."""
    return _waiting.get()()
