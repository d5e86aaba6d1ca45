"""The time texts that DefenseClaw wrote over its generations."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, Final

# Python isoformat; Go RFC 3339 with up to nine digits; Go's SQLite driver (space, offset and the
# name of the zone); Go's `time.String()`, which adds its monotonic clock (` m=+4.02`); the oldest
# rows, `YYYY-MM-DD HH:MM:SS` in UTC unsaid.
_FORM: Final = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?"
    r" ?(?:([Zz])|([+-])(\d\d):?(\d\d))?(?: (?:[A-Z]{1,6}|[+-]\d{2,4}))?"
    r"(?: m=[+-]\d{1,12}(?:\.\d{1,9})?)?",
    re.ASCII,
)
_EARLIEST: Final = datetime(1970, 1, 1, tzinfo=UTC)


class BadTime(ValueError):
    """A time that cannot be understood or cannot be; the message says why."""


def parse(value: Any) -> datetime:
    """The instant in UTC, digits beyond microseconds cut off.

    Raises:
        BadTime: no text, in none of the known forms, an impossible date, or before 1970 (Go's
            zero time is how "never set" looks).
    """
    if not isinstance(value, str):
        raise BadTime(f"the time is {_kind(value)}, not a text")
    found = _FORM.fullmatch(value)
    if found is None:
        raise BadTime("the time is in none of the forms DefenseClaw writes")
    year, month, day, hour, minute, second, fraction, _, sign, *offset = found.groups()
    micro = int(fraction[:6].ljust(6, "0")) if fraction else 0
    try:
        moment = datetime(
            int(year), int(month), int(day), int(hour), int(minute), int(second), micro, UTC
        )
        if sign:
            moment = _shifted(moment, sign, *offset)
    except (ValueError, OverflowError) as error:
        raise BadTime(f"the time is impossible: {error}") from None
    if moment < _EARLIEST:
        raise BadTime("the time is before 1970")
    return moment


def _shifted(moment: datetime, sign: str, hours: str, minutes: str) -> datetime:
    offset = timedelta(hours=int(hours), minutes=int(minutes))
    if not offset:
        return moment
    zone = timezone(-offset if sign == "-" else offset)
    return moment.replace(tzinfo=zone).astimezone(UTC)


def _kind(value: Any) -> str:
    return "missing" if value is None else f"a {type(value).__name__}"
