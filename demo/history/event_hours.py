"""When things happen: office hours, quiet weekends, and one bad afternoon."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from demo.store.instant import SECOND, to_datetime

HOUR = 3_600 * SECOND
_INCIDENT_HOURS = range(13, 18)
_INCIDENT_WEIGHT = 9.0


@dataclass(frozen=True, slots=True)
class Hour:
    """One hour of the story. ``due`` is how many rows should exist at its end."""

    start: int
    length: int
    due: int
    incident: bool


def hours(until: int, days: int, total: int) -> Iterator[Hour]:
    """Yield the hours of the ``days`` before ``until`` (ns) with their share of ``total`` rows."""
    bad_day = incident_day(until, days).date()
    starts = range(until - days * 24 * HOUR, until, HOUR)
    moments = [to_datetime(start) for start in starts]
    weights = [
        _weight(moment) * (_INCIDENT_WEIGHT if _is_bad(moment, bad_day) else 1.0)
        for moment in moments
    ]
    whole, reached = sum(weights), 0.0
    for start, moment, weight in zip(starts, moments, weights, strict=True):
        reached += weight
        due = round(total * reached / whole)
        yield Hour(start, min(HOUR, until - start), due, _is_bad(moment, bad_day))


def incident_day(until: int, days: int) -> datetime:
    """Return the day of the incident: two thirds through the story, never on a weekend."""
    day = to_datetime(until) - timedelta(days=days * 0.34)
    return day - timedelta(days=max(0, day.weekday() - 4))


def _is_bad(moment: datetime, bad_day: object) -> bool:
    return moment.date() == bad_day and moment.hour in _INCIDENT_HOURS


def _weight(moment: datetime) -> float:
    """Return how busy the hour is; a working hour is 1."""
    office = 8 <= moment.hour < 18
    lunch = moment.hour == 12
    if moment.weekday() >= 5:
        return 0.12 if office else 0.04
    if not office:
        return 0.35 if moment.hour in (7, 18, 19) else 0.07
    return 0.6 if lunch else 1.0
