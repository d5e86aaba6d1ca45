"""What a poll for an answer gets. Pure: the row and the time decide.

Source: Auth0 docs, "Check back-channel login status"; statuses from Auth0's SDK tests.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from local.tenant.ciba import limits


class Verdict(StrEnum):
    """The five results of a poll."""

    PENDING = "authorization_pending"
    SLOW_DOWN = "slow_down"
    REFUSED = "access_denied"
    UNKNOWN = "invalid_grant"
    APPROVED = "approved"


@dataclass(frozen=True, slots=True)
class Poll:
    """The facts a poll is judged by.

    Attributes:
        state: `pending`, `approved`, `denied` or `back` (taken back by the client).
        wait_s: seconds that must lie between two polls.
        polled_at: the previous poll, None for the first.
        taken: the approved answer has been handed out.
    """

    state: str
    wait_s: int
    polled_at: datetime | None
    expires_at: datetime
    taken: bool


@dataclass(frozen=True, slots=True)
class Answer:
    """A verdict and the wait, in seconds, before the next poll."""

    verdict: Verdict
    wait_s: int


def judge(poll: Poll, now: datetime) -> Answer:
    """Decide one poll at `now`.

    A poll that comes too early lengthens the wait. Denial and expiry are one and the same
    answer, also when a denial came first: a client cannot tell them apart. An approval outlives
    the expiry of the question, since the person answered in time.
    """
    forgotten = now >= poll.expires_at + timedelta(seconds=limits.FORGOTTEN_AFTER_S)
    if poll.taken or poll.state == "back" or forgotten:
        return Answer(Verdict.UNKNOWN, poll.wait_s)
    if poll.polled_at and now < poll.polled_at + timedelta(seconds=poll.wait_s):
        longer = min(poll.wait_s + limits.POLL_STEP_S, limits.POLL_WAIT_MAX_S)
        return Answer(Verdict.SLOW_DOWN, longer)
    if poll.state == "approved":
        return Answer(Verdict.APPROVED, poll.wait_s)
    if poll.state == "denied" or now >= poll.expires_at:
        return Answer(Verdict.REFUSED, poll.wait_s)
    return Answer(Verdict.PENDING, poll.wait_s)
