"""The numbers Auth0 documents for CIBA, in one place.

Source: Auth0 docs, "User authorization with CIBA" and "Configure rich authorization requests".
"""

from __future__ import annotations

import os
from typing import Final

BINDING_MESSAGE_MAX: Final = 64
"""Characters of `binding_message`."""

EXPIRY_DEFAULT_S: Final = 300
EXPIRY_MIN_S: Final = 1
EXPIRY_MAX_S: Final = 259_200
PUSH_EXPIRY_MAX_S: Final = 300
"""A longer `requested_expiry` selects the e-mail channel."""

FORGOTTEN_AFTER_S: Final = 3_600
"""Seconds after expiry from which an `auth_req_id` is unknown instead of denied."""

NOTIFICATIONS_PER_MINUTE: Final = 5
"""Notifications one person may receive in 60 seconds; see `notifications_per_minute`."""

REQUESTS_PER_MINUTE: Final = 500
PENDING_MAX: Final = 5_000

POLL_STEP_S: Final = 5
"""Seconds a poll that comes too early adds to the wait."""

POLL_WAIT_MAX_S: Final = 60


def poll_interval_s() -> int:
    """Seconds a client must wait between polls.

    Auth0 answers 5. `TENANT_CIBA_INTERVAL_S` (0 to 60) shortens the wait for a demonstration;
    0 switches `slow_down` off.
    """
    raw = os.environ.get("TENANT_CIBA_INTERVAL_S", "5")
    if not raw.isdecimal() or int(raw) > POLL_WAIT_MAX_S:
        raise ValueError(f"TENANT_CIBA_INTERVAL_S must be a whole number from 0 to 60, not {raw!r}")
    return int(raw)


def notifications_per_minute() -> int:
    """Notifications one person may receive in 60 seconds.

    Auth0 allows 5. `TENANT_PUSHES_PER_MINUTE` raises it while a demonstration is prepared.
    """
    raw = os.environ.get("TENANT_PUSHES_PER_MINUTE", str(NOTIFICATIONS_PER_MINUTE))
    if not raw.isdecimal() or int(raw) < 1:
        raise ValueError(f"TENANT_PUSHES_PER_MINUTE must be a whole number above 0, not {raw!r}")
    return int(raw)
