"""Many objects that are kept, made without the collector of garbage looking through them.

It looks at each of them several times while a batch is made, a tenth of the work, and finds
nothing: they go when nobody refers to them any more.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def uncollected() -> Iterator[None]:
    """Nothing is looked through within; what was made there is looked through as old objects are.

    For one batch: what other threads drop in circles meanwhile waits for a look at everything.
    """
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        if not gc.get_freeze_count():  # else somebody keeps theirs apart, who would lose that
            gc.freeze()  # no look at any of them
            gc.unfreeze()  # back, among the oldest
        gc.enable()
