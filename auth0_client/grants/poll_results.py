"""Answers that the device and CIBA grants have in common: wait, wait longer, too late."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from auth0_client.oauth_form_post import Reply
from http_client.errors import BadAnswer

DEFAULT_INTERVAL_S: Final = 5
_LONGEST_INTERVAL_S: Final = 600
_IN_WORDS: Final = re.compile(r"\b(\d{1,5})\s+seconds?\b")


@dataclass(frozen=True, slots=True)
class Pending:
    """Nobody has answered yet; ask again after ``interval`` seconds."""

    interval: int


@dataclass(frozen=True, slots=True)
class SlowDown:
    """Asked too soon; ask again after ``retry_after`` seconds, counted from this answer."""

    retry_after: int


@dataclass(frozen=True, slots=True)
class Expired:
    """The tenant said in so many words that the request has expired."""


@dataclass(frozen=True, slots=True)
class Lost:
    """The tenant does not know the request: used, long expired, or never issued.

    After a crash this may mean that the one answer was already handed out.
    """

    detail: str


def slow_down(reply: Reply, interval: int) -> SlowDown:
    """How long ``slow_down`` wants us to wait: Retry-After, ``interval``, the words, or +5 s."""
    asked = reply.answer.retry_after()
    if asked is None:
        asked = _in_body(reply)
    if asked is None:
        words = _IN_WORDS.search(reply.words)
        asked = float(words.group(1)) if words else interval + DEFAULT_INTERVAL_S
    return SlowDown(max(1, min(_LONGEST_INTERVAL_S, int(-(-asked // 1)))))


def _in_body(reply: Reply) -> int | None:
    try:
        return reply.fields().optional_integer("interval", high=86_400)
    except BadAnswer:
        return None
