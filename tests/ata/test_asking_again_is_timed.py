"""When the supervisor of `ata mcp run` asks the broker again, on a clock of the test's own."""

from __future__ import annotations

import math

import pytest

from ata.errors import AtaError
from ata.mcp_run import broker_recheck_schedule
from ata.mcp_run.credentials import ASK_AGAIN_S, Credentials

FAILED = AtaError("Busy.", code="busy", fix="Wait.")
GOOD = Credentials(environment={}, expires_in=60)


class Clock:
    at = 1_000.0

    def monotonic(self) -> float:
        return self.at


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(broker_recheck_schedule, "time", made)
    return made


def test_nothing_is_asked_until_somebody_writes_or_lines_wait(clock: Clock) -> None:
    asks = broker_recheck_schedule.Renewal()
    asks.note(GOOD)
    assert asks.due_at(waiting=False) == math.inf
    assert asks.due_at(waiting=True) == clock.at + ASK_AGAIN_S
    asks.heard = True
    assert asks.due_at(waiting=False) == clock.at + ASK_AGAIN_S


def test_failures_are_asked_again_after_doubling_pauses_until_the_credential_expires(
    clock: Clock,
) -> None:
    asks = broker_recheck_schedule.Renewal()
    asks.note(GOOD)
    pauses = []
    while not asks.expired():
        asks.note(FAILED)
        pauses.append(asks.due_at(waiting=False) - clock.at)
        clock.at += pauses[-1]
    assert pauses == [5, 10, 20, 25], "the last one is cut at the expiry"
    assert asks.expired() is FAILED


def test_while_a_question_is_open_only_the_expiry_counts(clock: Clock) -> None:
    asks = broker_recheck_schedule.Renewal()
    asks.note(GOOD)
    asks.note(FAILED)
    asks.asking = True
    assert asks.due_at(waiting=True) == clock.at + 60


def test_a_good_answer_ends_the_doubling(clock: Clock) -> None:
    asks = broker_recheck_schedule.Renewal()
    for answer in (FAILED, FAILED, GOOD, FAILED):
        asks.note(answer)
    assert asks.due_at(waiting=False) == clock.at + ASK_AGAIN_S
    clock.at += 61
    assert asks.expired() is FAILED
