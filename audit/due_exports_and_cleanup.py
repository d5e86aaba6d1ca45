"""Due work of `audit`: rows that somebody asked for and nobody has done yet."""

from __future__ import annotations

from audit import clock, exports
from audit.saved_views import changes


def run() -> int:
    """Write and clear away what is due; returns how many rows were looked after.

    Verifications have a separate loop: one of a large log takes minutes.
    """
    now = clock.now()
    looked_after = exports.run_due() + exports.drop_expired(now)
    return looked_after + changes.purge(now)
