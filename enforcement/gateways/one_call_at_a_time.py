"""Changes at a gateway of generation 0.2.0, one at a time: it waits for no lock of its database.

38 of 40 blocks in parallel were answered with SQLITE_BUSY (28 Nov 2026).
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Final

from approvals import clock
from audit.db import leases
from enforcement.gateways.client import NotAnswering
from enforcement.models import GatewayCall

_LEASE: Final = timedelta(seconds=30)
"""Longer than a step takes: three calls of at most 8 seconds."""
_TRIES: Final = 40
_BETWEEN_S: Final = 0.05


@contextmanager
def turn_at(name: str) -> Iterator[None]:
    """Hold the turn at a gateway for the length of the block.

    Raises:
        NotAnswering: other changes took all of two seconds.
    """
    GatewayCall.objects.get_or_create(name=name)
    row = GatewayCall.objects.filter(name=name)
    for _ in range(_TRIES):
        now = clock.now()
        until = now + _LEASE
        if leases.claim(row.filter(leases.unheld(now)), until):
            break
        time.sleep(_BETWEEN_S)
    else:
        words = f"Another change is under way at {name}, which takes one at a time."
        raise NotAnswering(words, maybe_done=False, retry_in_s=1.0)
    try:
        yield
    finally:
        leases.release(row, until)
