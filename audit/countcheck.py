"""Checks of the counts that pages show."""

from __future__ import annotations

from dataclasses import dataclass

from audit import recount, rollups
from audit.known import SPAN
from audit.knownwhole import Whole
from audit.report import Findings

_SHOWN = 10
HINT = "run rebuild_projection"


@dataclass(frozen=True, slots=True)
class Counted:
    """Counts that hold, if the rows do that they are `recognised` by.

    Attributes:
        upto: digest of the counts of all whole stretches; empty where they do not hold.
    """

    recognised: bool
    upto: bytes


def check(findings: Findings, known: Whole | None = None, size: int = 0) -> Counted:
    """Compare the counts with the rows they count, both of one moment.

    Args:
        known: what held before: rows that came later are counted, the others are not again.
        size: of the log, for `Counted.upto`.
    """
    upto = size // SPAN * SPAN
    with recount.one_moment():
        if known and known.size <= upto:
            made = recount.digests(known.size, upto)
            if made and made[0] == known.counts:
                return Counted(True, made[1])
        differing = rollups.differences(_SHOWN)
        made = recount.digests(upto, upto) if upto and not differing else None
    for index, hour, stored, counted in differing:
        message = f"the counts of {hour} say {stored} where the rows are {counted}; {HINT}"
        findings.add("counts", message, index)
    return Counted(False, made[1] if made else b"")
