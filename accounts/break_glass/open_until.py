"""Whether break-glass is open: until a time set in the environment, and never for long."""

from __future__ import annotations

from datetime import datetime

from django.conf import settings

from approvals import clock


def open_until() -> datetime | None:
    """When break-glass closes automatically; None when it is closed."""
    until: datetime | None = settings.ENV.breakglass_until
    return until if until is not None and clock.now() < until else None
