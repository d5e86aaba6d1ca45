"""Whether Auth0 answers at all: asked every 20 s, kept as the row of a recurring job.

Pages read that row, so that each says since when Auth0 is away and no page has to wait to learn it.
"""

from __future__ import annotations

import threading
import time
from datetime import datetime, timedelta

from django.conf import settings

from approvals import clock
from auth0_client.discovery import Discovery
from auth0_client.errors import Auth0Error
from connections import schedule
from connections.schedule import Progress
from outbound import Guard, Outbound, OutboundError, Retries, Timeouts

TENANT = "tenant"
EVERY = timedelta(seconds=20)
_asking = threading.Lock()
_PATIENCE = Timeouts(connect=2.0, read=3.0, write=3.0, pool=2.0, total=4.0)


def run_due(now: datetime | None = None) -> int:
    """Ask if it is time; returns 1 when it was."""
    return schedule.run_due({TENANT: _look}, now or clock.now(), every=EVERY)


def answers_now() -> bool:
    """Ask once, for a few seconds at most; no while somebody else is asking, so that one thread at
    a time waits for what is away."""
    if not _asking.acquire(blocking=False):
        return False
    try:
        _ask()
    except (Auth0Error, OutboundError):
        return False
    finally:
        _asking.release()
    return True


def _look(_progress: Progress) -> None:
    _ask()


def _ask() -> None:
    url = settings.ENV.issuer
    once = Retries(attempts=1)
    with Outbound(guard=Guard.only(url), timeouts=_PATIENCE, retries=once) as line:
        Discovery(url, line, time.time).document()
