"""A short, seeded slice of the random attempts; `make attacks` makes ten thousand."""

from __future__ import annotations

from typing import Any

import pytest

from approvals import clock
from approvals.pipeline import recheck
from approvals.policy import minimum
from audit.recording.actors import Actor
from tests.approvals.lamps import Lamps
from tests.attacks.step_up.attempts import Clockwork, World
from tests.attacks.step_up.provider import PhoneProvider

SLICE = 120


@pytest.fixture(autouse=True)
def _phones_take_any_number(settings: Any) -> None:
    """All attempts are made within a minute or two."""
    settings.PUSHES_PER_MINUTE = 100_000


def test_no_random_attempt_makes_a_grave_act_effective_without_its_approval(
    lamps: Lamps,
    provider: PhoneProvider,
    olu: Actor,
    oona: Actor,
    named: set[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    time = Clockwork()
    monkeypatch.setattr(clock, "now", time.now)
    world = World(provider, lamps, time)
    for number in range(SLICE):
        world.attempt(number)
    told = world.told
    assert (told.without_approval, told.without_event) == (0, 0), told.findings
    assert told.effective > 10, "some are approved, or nothing was tried"
    assert told.asked > SLICE / 4
    assert len(told.tampered) > 10
    assert world.named, "some rows were closed by hand"
    named |= world.named


def test_the_oracle_finds_an_act_that_nobody_approved(
    lamps: Lamps,
    provider: PhoneProvider,
    olu: Actor,
    oona: Actor,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With the floor and the check of what was meant taken out, it counts what gets through."""
    monkeypatch.setattr(minimum, "raised", lambda approver, _situation: approver)
    monkeypatch.setattr(recheck, "no_longer_true", lambda _approval: "")
    time = Clockwork()
    monkeypatch.setattr(clock, "now", time.now)
    world = World(provider, lamps, time)
    for number in range(SLICE):
        world.attempt(number)
        if world.told.without_approval:
            return
    pytest.fail("a pipeline without its floor let nothing through: the oracle sees nothing")
