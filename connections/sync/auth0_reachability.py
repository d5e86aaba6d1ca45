"""Whether Auth0 answers at all: asked every 20 s, kept as the row of a recurring job.

Pages read that row, so that each says since when Auth0 is away and no page has to wait to learn it.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.conf import settings

from approvals import clock
from auth0_client.discovery import Discovery
from auth0_client.errors import Auth0Error
from connections.sync import schedule
from connections.sync.schedule import Progress
from http_client import Guard, HttpClient, HttpClientError, Retries, Timeouts

TENANT = "tenant"
EVERY = timedelta(seconds=20)
PROMPT_S = 1.0
"""How long threads wait for what another one finds, from when that one asked."""
_PATIENCE = Timeouts(connect=2.0, read=3.0, write=3.0, pool=2.0, total=4.0)


@dataclass(slots=True)
class _Question:
    prompt_until: float  # of time.monotonic
    over: threading.Event = field(default_factory=threading.Event)
    answered: bool = False


_lock = threading.Lock()
_under_way: list[_Question] = []  # one at most


def run_due(now: datetime | None = None) -> int:
    """Ask if it is time; returns 1 when it was."""
    return schedule.run_due({TENANT: _look}, now or clock.now(), every=EVERY)


def answers_now() -> bool:
    """Ask once, for a few seconds at most. While another thread asks: what it finds, or no if it
    found nothing in `PROMPT_S`, so that one thread at a time waits for what is away."""
    with _lock:
        mine = not _under_way
        if mine:
            _under_way.append(_Question(time.monotonic() + PROMPT_S))
        question = _under_way[0]
    if not mine:
        question.over.wait(max(0.0, question.prompt_until - time.monotonic()))
        return question.answered
    try:
        _ask()
        question.answered = True
    except (Auth0Error, HttpClientError):
        pass
    finally:
        with _lock:
            _under_way.clear()
        question.over.set()
    return question.answered


def _look(_progress: Progress) -> None:
    _ask()


def _ask() -> None:
    url = settings.ENV.issuer
    once = Retries(attempts=1)
    with HttpClient(guard=Guard.only(url), timeouts=_PATIENCE, retries=once) as line:
        Discovery(url, line, time.time).document()
