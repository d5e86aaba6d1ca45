"""What is set for a connection: when it falls asleep, at which hours it is open, who wakes it.

Pure Python: the replay of a log reads settings too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from connections.idle_access.access_hours import Hours

NEXT_USE: Final = "use"
OWNER: Final = "owner"
LONGEST_IDLE_H: Final = 8760  # a year


@dataclass(frozen=True, slots=True)
class Setting:
    """What is set for one connection; the default leaves everything open.

    Attributes:
        idle_h: hours without use after which an account is asleep; None = never.
        hours: when agents may get tokens at all; None = always.
        wake: `use` = the next use wakes it, `owner` = its owner has to approve that.
    """

    idle_h: int | None = None
    hours: Hours | None = None
    wake: str = NEXT_USE

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> Setting:
        """From the plain form of `as_json`.

        Raises:
            BadHours: its hours cannot be.
        """
        hours = document.get("hours")
        return cls(
            idle_h=document.get("idle_h"),
            hours=Hours.read(hours) if hours else None,
            wake=str(document.get("wake") or NEXT_USE),
        )

    def as_json(self) -> dict[str, Any]:
        """Plain JSON, every key there."""
        return {
            "idle_h": self.idle_h,
            "hours": self.hours.as_json() if self.hours else None,
            "wake": self.wake,
        }

    @property
    def idle(self) -> timedelta | None:
        """The idle threshold."""
        return timedelta(hours=self.idle_h) if self.idle_h else None

    @property
    def open_always(self) -> bool:
        """Whether nothing is set."""
        return self.idle_h is None and self.hours is None

    def in_words(self, title: str) -> str:
        """`GitHub sleeps after 7 idle days and wakes at the next use.`"""
        if self.open_always:
            return f"{title} accounts never fall asleep, and no hours are set."
        document = []
        if self.idle_h is not None:
            document.append(
                f"{title} sleeps after {span(self.idle_h, 'idle ')} and wakes at the next use"
                + (" after its owner approves on their phone." if self.wake == OWNER else ".")
            )
        if self.hours is not None:
            document.append(f"Agents get {title} tokens {self.hours.in_words()} only.")
        return " ".join(document)


def tightens(old: Setting, new: Setting) -> bool:
    """Whether a change never allows what was not allowed before."""
    idle = old.idle_h is None or (new.idle_h is not None and new.idle_h <= old.idle_h)
    hours = old.hours is None or (new.hours is not None and new.hours.within(old.hours))
    wake = old.wake == new.wake or new.wake == OWNER or old.idle_h is None
    return idle and hours and wake


def span(hours: int, kind: str = "") -> str:
    """`7 idle days`, `36 hours`, `1 day`."""
    number, unit = (hours // 24, "day") if hours % 24 == 0 else (hours, "hour")
    return f"{number} {kind}{unit}{'' if number == 1 else 's'}"
