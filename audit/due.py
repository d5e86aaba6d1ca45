"""Due work of the audit room: rows that somebody asked for and nobody has done yet."""

from __future__ import annotations

from audit import clock, exports, verification
from audit.exports import blocks
from audit.saved import keeping


def run() -> int:
    """Verify, write and clear away what is due; returns how many rows were looked after."""
    now = clock.now()
    looked_after = verification.run_due() + exports.run_due() + exports.drop_expired(now)
    blocks.fill()
    return looked_after + keeping.purge(now)
