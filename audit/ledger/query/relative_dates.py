"""Dates as people say them: `today`, `yesterday`, `7d` and `12h` (so many days or hours ago)."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Final

_AGO: Final = re.compile(r"([0-9]{1,4})([dh])")
_DAYS: Final = {"today": 0, "yesterday": 1}


def absolute(value: str, now: datetime) -> str:
    """Return a relative date as a date or time, and any other value unchanged. Days are UTC days.

    Args:
        now: with its zone, UTC.
    """
    folded = value.strip().casefold()
    ago = _AGO.fullmatch(folded)
    if ago and ago[2] == "h":
        return f"{now - timedelta(hours=int(ago[1])):%Y-%m-%dT%H:%M:%SZ}"
    days = int(ago[1]) if ago else _DAYS.get(folded)
    return value if days is None else f"{now - timedelta(days=days):%Y-%m-%d}"
