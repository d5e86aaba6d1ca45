"""The line that every page shows during a break-glass session, and to staff while it is open."""

from __future__ import annotations

from datetime import datetime

from accounts.break_glass.open_until import open_until
from approvals import clock
from ui.times import absolute


def banners(ends: datetime | None, *, staff: bool) -> list[dict[str, str]]:
    """What every page says: to people signed in by break-glass, and to staff while it is open."""
    now, until = clock.now(), open_until()
    if ends is not None:
        return [
            {
                "level": "bad",
                "text": "BREAK-GLASS SESSION. No one vouches for who you are, and everything you "
                f"do says so. You can read, hold and suspend. It ends at {absolute(ends, now)} "
                "UTC and cannot be renewed.",
                "url": "/account/",
                "action": "What this means",
            }
        ]
    if until is not None and staff:
        return [
            {
                "level": "warn",
                "text": "The break-glass sign-in is open until "
                f"{absolute(until, now)} UTC. Unset BREAKGLASS_UNTIL once the issuer answers.",
                "url": "/audit/?action=breakglass.used",
                "action": "Who used it",
            }
        ]
    return []
