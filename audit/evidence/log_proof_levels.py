"""The log scale as sizes: every entry below a size has at least that level.

Nothing is stored per event, so a cosignature that arrives later raises a million events at once.
"""

from __future__ import annotations

from dataclasses import dataclass

from audit.proofs import timestamping
from audit.sequencing import signed_state
from audit.witnesses.quorum import witnessed_size


@dataclass(frozen=True, slots=True)
class LogSizes:
    """Entries below `signed` are L1, below `witnessed` L2 (quorum), below `timed` L3."""

    signed: int = 0
    witnessed: int = 0
    timed: int = 0

    def level(self, index: int | None) -> str:
        """L0 … L3 of the entry at `index`; L0 without one."""
        if index is None or index >= self.signed:
            return "L0"
        if index >= self.witnessed:
            return "L1"
        return "L2" if index >= self.timed else "L3"

    def range_of(self, level: str) -> tuple[int, int | None]:
        """Indexes `first <= seq < end` of exactly that level; an end of None is open."""
        return {
            "L0": (self.signed, None),
            "L1": (self.witnessed, self.signed),
            "L2": (self.timed, self.witnessed),
            "L3": (0, self.timed),
        }[level]


def current() -> LogSizes:
    """Sizes of the newest checkpoint, the newest with a quorum, the newest timed as well."""
    newest = signed_state.newest_checkpoint()
    witnessed = witnessed_size()
    timed = timestamping.timed_checkpoint() if witnessed else None
    return LogSizes(
        signed=newest.size if newest else 0,
        witnessed=witnessed,
        timed=min(timed.size, witnessed) if timed else 0,
    )
