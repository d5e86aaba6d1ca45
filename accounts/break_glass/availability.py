"""Whether break-glass is open: until a time set in the environment, and never for long."""

from __future__ import annotations

from datetime import datetime

from django.conf import settings

from approvals import clock
from ui.times import absolute


def open_until() -> datetime | None:
    """When break-glass closes automatically; None when it is closed."""
    until: datetime | None = settings.ENV.breakglass_until
    return until if until is not None and clock.now() < until else None


def banners(ends: datetime | None, *, staff: bool) -> list[dict[str, str]]:
    """What every page says: to people signed in by break-glass, and to staff while it is open."""
    now, until = clock.now(), open_until()
    if ends is not None:
        return [
            {
                "level": "bad",
                "text": "BREAK-GLASS SESSION. Nobody vouches for who you are, and everything you "
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
