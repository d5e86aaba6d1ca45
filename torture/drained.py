"""When a stack that was killed often has nothing left to do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

BUSY: Final = frozenset(
    {"approvals open", "steps pending", "steps unknown", "exports waiting", "exports running"}
)
"""Counts of the judge that say that something is still open."""


def is_drained(counts: Mapping[str, Any]) -> bool:
    """Whether nothing is open any more. A judge that could not count (none) has not said so."""
    return bool(counts) and not BUSY & counts.keys() and counts["events"] == counts["leaves"]
