"""Checks of the counts that pages show."""

from __future__ import annotations

from audit.search import rollups
from audit.verification.report import Findings

_SHOWN = 10
HINT = "run rebuild_projection"


def check(findings: Findings) -> None:
    """Compare the counts with the rows they count, both of one moment."""
    for index, hour, stored, counted in rollups.differences(_SHOWN):
        message = f"the counts of {hour} say {stored} where the rows are {counted}; {HINT}"
        findings.add("counts", message, index)
