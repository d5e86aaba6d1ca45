"""What one check found."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Status(StrEnum):
    """How a check ended. Only ``BAD`` fails the command."""

    OK = "ok"
    WARN = "warn"
    BAD = "bad"
    NOT_CHECKED = "not checked"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report. ``fix`` names the dashboard page or setting; empty when ok."""

    check: str
    status: Status
    detail: str
    fix: str = ""

    def as_json(self) -> dict[str, str]:
        """The finding as ``--json`` prints it."""
        return {
            "check": self.check,
            "status": self.status.value,
            "detail": self.detail,
            "fix": self.fix,
        }


def ok(check: str, detail: str) -> Finding:
    """As it should be."""
    return Finding(check, Status.OK, detail)


def warn(check: str, detail: str, fix: str = "") -> Finding:
    """The portal works, with something less."""
    return Finding(check, Status.WARN, detail, fix)


def bad(check: str, detail: str, fix: str) -> Finding:
    """Something will fail until ``fix`` is done."""
    return Finding(check, Status.BAD, detail, fix)


def not_checked(check: str, detail: str, fix: str = "") -> Finding:
    """Nobody can tell from here; ``detail`` says why."""
    return Finding(check, Status.NOT_CHECKED, detail, fix)


def includes(check: str, have: Iterable[str], need: Iterable[str], fix: str) -> Finding:
    """Ok when every one of ``need`` is in ``have``, else bad with the missing ones."""
    wanted = list(need)
    held = set(have)
    missing = [name for name in wanted if name not in held]
    if missing:
        return bad(check, f"missing: {', '.join(missing)}", fix)
    return ok(check, ", ".join(wanted))


def equals(check: str, have: str | None, need: str, fix: str) -> Finding:
    """Ok when the setting is exactly ``need``."""
    if have == need:
        return ok(check, need)
    return bad(check, f"is {have or 'not set'}, must be {need}", fix)
