"""The period of a report: whole hours, because counts are kept by the hour."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

CHOICES: Final = (30, 90, 365)
"""Days that are offered; the second is what nobody asked for."""
MOST_DAYS: Final = 3660
_FIRST, _END = date(1970, 1, 1), date(2200, 1, 1)
_HOUR = timedelta(hours=1)


class BadPeriod(ValueError):
    """No valid period; `key` is the parameter at fault."""

    def __init__(self, key: str, message: str) -> None:
        super().__init__(message)
        self.key = key


@dataclass(frozen=True, slots=True)
class Period:
    """`start <= time < end`. `days` is the choice that it is, 0 for another one."""

    start: datetime
    end: datetime
    days: int = 0

    @classmethod
    def last(cls, days: int, now: datetime) -> Period:
        """The last so many days, with the hour that is going on."""
        end = now.replace(minute=0, second=0, microsecond=0) + _HOUR
        return cls(end - _HOUR - timedelta(days=days), end, days)

    @classmethod
    def read(cls, params: Mapping[str, str], now: datetime) -> Period:
        """From `days`, or from the dates `after` and `before`; one of these may be left out.

        Raises:
            BadPeriod: a value is none of these, or the period is empty or longer than MOST_DAYS.
        """
        given = {key: params.get(key, "").strip() for key in ("days", "after", "before")}
        if given["after"] or given["before"]:
            return cls._between(given["after"], given["before"], now)
        if not given["days"]:
            return cls.last(CHOICES[1], now)
        if given["days"] not in map(str, CHOICES):
            raise BadPeriod("days", f"days is one of {', '.join(map(str, CHOICES))}")
        return cls.last(int(given["days"]), now)

    @classmethod
    def _between(cls, after: str, before: str, now: datetime) -> Period:
        until = _date("before", before) if before else now.astimezone(UTC).date() + timedelta(1)
        since = _date("after", after) if after else max(until - timedelta(CHOICES[1]), _FIRST)
        if since >= until:
            raise BadPeriod("before", "before is a later date than after")
        if (until - since).days > MOST_DAYS:
            raise BadPeriod("after", f"a period is at most {MOST_DAYS:,} days long")
        return cls(_midnight(since), _midnight(until))


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _date(key: str, text: str) -> date:
    try:
        day = date.fromisoformat(text) if len(text) == len("2026-01-31") else None
    except ValueError:
        day = None
    if day is None or not _FIRST <= day <= _END:
        raise BadPeriod(key, f"{key} is a date such as 2026-01-31, from 1970 to 2200")
    return day
