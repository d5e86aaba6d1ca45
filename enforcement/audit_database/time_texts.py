"""Times as DefenseClaw writes them into its database: Go, Go's SQLite driver and the CLI differ."""

from __future__ import annotations

import re
from datetime import UTC, datetime

_GO_DRIVER = re.compile(
    r"(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d)(\.\d+)? ?(Z|[+-]\d\d:?\d\d)?( UTC)?"
)


def moment(text: object, otherwise: datetime) -> datetime:
    """A time in any of the forms DefenseClaw wrote; `otherwise` where it is in none."""
    match = _GO_DRIVER.match(str(text or ""))
    if match is None:
        return otherwise
    day, clock, fraction, zone, _ = match.groups()
    micro = (fraction or ".0")[1:7].ljust(6, "0")
    offset = "+00:00" if zone in {None, "Z"} else zone
    try:
        return datetime.fromisoformat(f"{day}T{clock}.{micro}{offset}").astimezone(UTC)
    except (ValueError, OverflowError):
        return otherwise
