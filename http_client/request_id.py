"""The request id of the work in hand, so that one id joins our log to the other side's."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

HEADER: Final = "X-Request-Id"
_WELL_FORMED: Final = re.compile(r"[A-Za-z0-9._-]{1,128}")
_current: ContextVar[str | None] = ContextVar("outbound_request_id", default=None)


def current_request_id() -> str | None:
    """The id bound to this thread or task, or None outside of any."""
    return _current.get()


@contextmanager
def bind_request_id(request_id: str) -> Iterator[None]:
    """Send ``request_id`` along with every call made inside the block.

    An id that is not 1 to 128 of ``A-Z a-z 0-9 . _ -`` is ignored: it came from outside and would
    otherwise be copied into a header.
    """
    if not _WELL_FORMED.fullmatch(request_id):
        yield
        return
    token = _current.set(request_id)
    try:
        yield
    finally:
        _current.reset(token)
