"""The worker's turn, taken by a test: everything that waits is due now."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from approvals import clock
from approvals.models import Approval, Ask, Effect, Status
from tests.support.stack import eventually
from tests.support.sweeping import sweep

type Work = Callable[..., None]


@pytest.fixture
def work() -> Work:
    """Do everything that waits, due or not: one round sends, the next asks for the answer."""

    def do(rounds: int = 1) -> None:
        for _ in range(rounds):
            for rows in (Ask, Effect, Approval):
                rows._default_manager.filter(due__isnull=False).update(due=clock.now(), lease=None)
            sweep()

    return do


SOON_S = 4
"""Expiry of a request that is to run out: enough to be asked in on a busy machine."""


def run_out(approval: Approval, work: Work) -> None:
    """Let whoever is asked now say nothing, until that was noticed."""
    asks = approval.asks.count()

    def noticed() -> bool:
        work()
        approval.refresh_from_db()
        return approval.status != Status.PENDING or approval.asks.count() != asks

    work()  # who was never asked is not silent
    left = (approval.asks.latest("number").expires_at - clock.now()).total_seconds()
    time.sleep(max(0.0, left))
    eventually(noticed, "the end of a request")


@pytest.fixture
def travel(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Set the portal's clock to after every request's end."""
    hours = 0

    def ahead() -> None:
        nonlocal hours
        hours += 1
        monkeypatch.setattr(clock, "now", lambda: datetime.now(UTC) + timedelta(hours=hours))

    return ahead
