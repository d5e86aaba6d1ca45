"""Gateways that refused our token: until when they are not asked again with the same one.

Each refused call is a row of MEDIUM in the gateway's own audit log. So one probe in five minutes is
sent, but at once where the token's file has another token or the gateway was started again. Kept in
memory alone: a process that starts asks once.
"""

from __future__ import annotations

import hashlib
import threading
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

EVERY: Final = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Refused:
    """A token that a gateway refused; `started` is since when that gateway ran, if it is known."""

    token: bytes
    until: datetime
    detail: str
    started: str = ""


_lock = threading.Lock()
_refused: dict[str, Refused] = {}


def note(base_url: str, token: str, detail: str, now: datetime) -> None:
    """The gateway at that address just refused this token."""
    with _lock:
        _refused[base_url] = Refused(_digest(token), now + EVERY, detail)


def standing(base_url: str, token: str, now: datetime) -> Refused | None:
    """The refusal because of which this token is not sent there now."""
    with _lock:
        known = _refused.get(base_url)
    return known if known and known.token == _digest(token) and now < known.until else None


def note_start(base_url: str, token: str, started: str, now: datetime) -> None:
    """Since when the gateway runs, as it reports itself: after a new start it is asked again."""
    known = standing(base_url, token, now)
    if known is None or not started:
        return
    with _lock:
        if not known.started:
            _refused[base_url] = replace(known, started=started)
        elif known.started != started:
            _refused.pop(base_url, None)


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
