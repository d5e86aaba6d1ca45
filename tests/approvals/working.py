"""The worker's turn, taken by a test: everything that waits is due now."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from approvals import clock
from approvals.models import Approval, Ask, Effect
from approvals.sweep import sweep

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


@pytest.fixture
def travel(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Set the portal's clock to after every request's end."""
    hours = 0

    def ahead() -> None:
        nonlocal hours
        hours += 1
        monkeypatch.setattr(clock, "now", lambda: datetime.now(UTC) + timedelta(hours=hours))

    return ahead
