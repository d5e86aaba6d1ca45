"""Times and amounts in words: relative up to a day, absolute after, UTC in full on demand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

DAY = timedelta(days=1)


def parse(value: datetime | str) -> datetime:
    """An aware UTC datetime from a datetime or an RFC 3339 string; naive means UTC."""
    moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def relative(moment: datetime, now: datetime) -> str:
    """'just now', '4 min ago', 'in 2 h' within a day of `now`, else the absolute form."""
    delta = now - moment
    seconds = int(abs(delta).total_seconds())
    if abs(delta) >= DAY:
        return absolute(moment, now)
    if seconds < 5:
        return "just now"
    amount = _amount(seconds)
    return f"{amount} ago" if delta > timedelta(0) else f"in {amount}"


def absolute(moment: datetime, now: datetime) -> str:
    """'23 Nov 14:02' in the current year, '23 Nov 2025 14:02' otherwise; UTC."""
    year = "" if moment.year == now.year else f" {moment.year}"
    return f"{moment.day} {moment:%b}{year} {moment:%H:%M}"


def full(moment: datetime) -> str:
    """'24 Nov 2026 14:02:11.482 UTC'; milliseconds only where there are any."""
    millis = f".{moment.microsecond // 1000:03d}" if moment.microsecond else ""
    return f"{moment.day} {moment:%b %Y %H:%M:%S}{millis} UTC"


def clock(seconds: int) -> str:
    """'3:06' from 186 seconds; hours appear from an hour on."""
    minutes, rest = divmod(max(seconds, 0), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def duration(seconds: float) -> str:
    """'820 ms', '4 s', '5 min', '2 h 10 min', '3 d' from seconds."""
    if 0 < seconds < 1:
        return f"{round(seconds * 1000)} ms"
    whole = int(seconds)
    if whole < 3600 or whole >= 86400:
        return _amount(whole)
    minutes = whole % 3600 // 60
    return f"{whole // 3600} h {minutes} min" if minutes else f"{whole // 3600} h"


def _amount(seconds: int) -> str:
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"
