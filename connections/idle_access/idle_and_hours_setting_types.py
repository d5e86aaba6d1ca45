"""What is set for a connection: when it falls asleep, at which hours it is open, who wakes it.

Pure Python: the replay of a log reads settings too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_WORDS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_CLOCK: Final = re.compile("([01][0-9]|2[0-3]):([0-5][0-9])")
_DAY_MIN: Final = 1440
_WEEK_MIN: Final = 7 * _DAY_MIN


class BadHours(ValueError):
    """Hours that cannot be: the message says what would do."""


@dataclass(frozen=True, slots=True)
class Hours:
    """When agents may get tokens.

    Attributes:
        days: of `DAYS`, in their order; the day on which a window opens.
        opens, closes: `HH:MM` in `zone`. A close at or before the opening is of the next day.
        zone: IANA name, such as `Europe/Paris`.
    """

    days: tuple[str, ...]
    opens: str
    closes: str
    zone: str

    def __post_init__(self) -> None:
        if not self.days or set(self.days) - set(DAYS):
            raise BadHours(f"days: at least one of {', '.join(DAYS)}")
        if not (_CLOCK.fullmatch(self.opens) and _CLOCK.fullmatch(self.closes)):
            raise BadHours("opens and closes: a time of day such as 09:00")
        zone(self.zone)
        object.__setattr__(self, "days", tuple(day for day in DAYS if day in self.days))

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> Hours:
        """From the plain form of `as_json`.

        Raises:
            BadHours: it is none.
        """
        return cls(
            tuple(map(str, document["days"])),
            str(document["opens"]),
            str(document["closes"]),
            str(document["zone"]),
        )

    def as_json(self) -> dict[str, Any]:
        """Plain JSON."""
        return {
            "days": list(self.days),
            "opens": self.opens,
            "closes": self.closes,
            "zone": self.zone,
        }

    def in_words(self) -> str:
        """`Mon–Fri 09:00–18:00 (Europe/Paris)`."""
        return f"{_days(self.days)} {self.opens}–{self.closes} ({self.zone})"

    def is_open(self, now: datetime) -> bool:
        """Whether agents may get tokens at this moment."""
        return any(opens <= now < closes for opens, closes in self._windows(now))

    def opens_next(self, now: datetime) -> datetime:
        """The first opening after a moment at which it is closed."""
        return min(opens for opens, _ in self._windows(now) if opens > now)

    def closed_since(self, now: datetime) -> datetime:
        """When the last window before a moment ended."""
        return max(closes for _, closes in self._windows(now) if closes <= now)

    def _windows(self, now: datetime) -> Iterator[tuple[datetime, datetime]]:
        """The windows around a moment, as wall clocks in the zone tell (RFC 5545, 3.3.5)."""
        here = zone(self.zone)
        today = now.astimezone(here).date()
        opens, closes = time.fromisoformat(self.opens), time.fromisoformat(self.closes)
        overnight = timedelta(days=closes <= opens)
        for offset in range(-9, 10):
            day = today + timedelta(days=offset)
            if DAYS[day.weekday()] in self.days:
                yield (
                    datetime.combine(day, opens, here),
                    datetime.combine(day + overnight, closes, here),
                )

    def minutes(self) -> frozenset[int]:
        """The open minutes of a week, from Monday 00:00 of its zone."""
        begin, end = _minute(self.opens), _minute(self.closes)
        length = (end - begin) % _DAY_MIN or _DAY_MIN
        starts = (DAYS.index(day) * _DAY_MIN + begin for day in self.days)
        return frozenset((start + n) % _WEEK_MIN for start in starts for n in range(length))

    def within(self, other: Hours) -> bool:
        """Whether these never allow what the other does not; of two zones nobody can tell."""
        return self.zone == other.zone and self.minutes() <= other.minutes()


def zone(name: str) -> ZoneInfo:
    """The time zone of an IANA name.

    Raises:
        BadHours: there is none of that name.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise BadHours(f"zone: {name!r} is no time zone; write one such as Europe/Paris") from None


def _minute(text: str) -> int:
    at = time.fromisoformat(text)
    return at.hour * 60 + at.minute


def _days(days: tuple[str, ...]) -> str:
    places = [DAYS.index(day) for day in days]
    if len(places) == 7:
        return "every day"
    in_a_row = places == list(range(places[0], places[-1] + 1))
    if in_a_row and len(places) > 2:
        return f"{_WORDS[places[0]]}–{_WORDS[places[-1]]}"
    return ", ".join(_WORDS[place] for place in places)


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
        """`GitHub is paused after 7 idle days and resumes on next use.`"""
        if self.open_always:
            return f"{title} accounts are never paused, and no hours are set."
        document = []
        if self.idle_h is not None:
            document.append(
                f"{title} is paused after {span(self.idle_h, 'idle ')} and resumes on next use"
                + (", once the owner approves." if self.wake == OWNER else ".")
            )
        if self.hours is not None:
            document.append(f"Agents get {title} tokens {self.hours.in_words()} only.")
        return " ".join(document)

    def in_short(self) -> str:
        """`Paused after 7 idle days. Resumes on next use.`, next to the title of the connection."""
        if self.idle_h is None:
            pause = "Never paused."
        else:
            asks = ", once the owner approves" if self.wake == OWNER else ""
            pause = f"Paused after {span(self.idle_h, 'idle ')}. Resumes on next use{asks}."
        hours = f"Tokens only {self.hours.in_words()}." if self.hours else "No hours set."
        return f"{pause} {hours}"


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
