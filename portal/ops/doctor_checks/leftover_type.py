"""One thing in this installation to repair, and how."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Leftover:
    """One thing to repair.

    Attributes:
        check: the check that found it.
        detail: what is so, with names.
        fix: what to do about it.
        mend: does it and says what was done; None where a person has to decide.
    """

    check: str
    detail: str
    fix: str
    mend: Callable[[], str] | None = None

    def as_json(self) -> dict[str, object]:
        """For `doctor --json`."""
        return {
            "check": self.check,
            "detail": self.detail,
            "fix": self.fix,
            "mendable": self.mend is not None,
        }
