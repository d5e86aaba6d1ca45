"""Which faults a run takes: the slow ones on every operation only when asked for.

`FAULTS=all` takes all; without it a fault that costs the portal its patience is tried on one
operation of each kind of call, since the code that waits is the same for all of them.
"""

from __future__ import annotations

import os
from collections.abc import Iterable

from tests.faults.proxy import SLOW, Fault

EVERY = os.environ.get("FAULTS") == "all"


def quick(faults: Iterable[Fault]) -> list[Fault]:
    """The faults that a test of every operation takes."""
    return [fault for fault in faults if EVERY or fault not in SLOW]
