"""Between the question and the commit: clocks, policy, state, severity and the intent's own end."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from approvals import clock
from approvals.models import Approval, Ask
from audit.recording.actors import Actor
from tests.accounts.trail import events
from tests.approvals.asking import ask, code_of, fresh
from tests.approvals.lamps import Lamps
from tests.attacks.sign_in.forging import Forge
from tests.attacks.step_up.conftest import Work
from tests.attacks.step_up.provider import PhoneProvider
from tests.attacks.step_up.trail import approve, assert_nothing_committed, assert_refused

type Travel = Callable[[float], None]


@pytest.fixture
def travel(monkeypatch: pytest.MonkeyPatch) -> Travel:
    """Move the portal's clock by seconds; the provider's stays."""
    offset = timedelta(0)

    def by(seconds: float) -> None:
        nonlocal offset
        offset += timedelta(seconds=seconds)

    monkeypatch.setattr(clock, "now", lambda: datetime.now(UTC) + offset)
    return by


def shifted(seconds: int) -> Callable[[Forge], None]:
    """Tokens of an issuer whose clock is off."""

    def bend(forge: Forge) -> None:
        forge.claims["iat"] += seconds
        forge.claims["exp"] += seconds

    return bend


@pytest.mark.parametrize(
    ("seconds", "code"), [(300, "issued_in_future"), (-300, "too_old"), (-7200, "expired")]
)
def test_an_issuer_whose_clock_is_far_off_approves_nothing(
    lamps: Lamps,
    provider: PhoneProvider,
    olu: Actor,
    oona: Actor,
    work: Work,
    seconds: int,
    code: str,
) -> None:
    approval = ask(olu)
    work()
    provider.bend_token = shifted(seconds)
    approve(provider, approval)
    work()
    assert_refused(lamps, approval, code)


@pytest.mark.parametrize("seconds", [30, -30])
def test_half_a_minute_between_the_clocks_is_borne(
    lamps: Lamps, provider: PhoneProvider, olu: Actor, oona: Actor, work: Work, seconds: int
) -> None:
    approval = ask(olu)
    work()
    provider.bend_token = provider.bend_id = shifted(seconds)
    approve(provider, approval)
    work()
    assert fresh(approval).outcome == "approved"
    [said] = events("approval.approved")
    assert said["data"]["details_signed"] is True


def test_our_clock_far_ahead_expires_and_commits_nothing(
    lamps: Lamps, provider: PhoneProvider, olu: Actor, oona: Actor, work: Work, travel: Travel
) -> None:
    approval = ask(olu)
    work()
    travel(3600)
    work()
    assert fresh(approval).outcome == "expired"
    assert_nothing_committed(lamps)
    assert lamps.held == ["hall"], "nothing is blocked, and nothing is let go"
    assert events("approval.expired")[-1]["data"]["known_from"] == "our clock"


def test_an_answer_that_is_read_long_after_its_time_commits_nothing(
    lamps: Lamps, provider: PhoneProvider, olu: Actor, oona: Actor, work: Work, travel: Travel
) -> None:
    """A worker that slept, or a provider that answers late: the intent has an end of its own."""
    approval = ask(olu)
    work()
    approve(provider, approval)
    travel(3600)
    work()
    assert_nothing_committed(lamps)
    done = fresh(approval)
    assert (done.status, done.outcome) == ("closed", "failed")
    assert done.outcome_code == "intent_expired"


def test_a_denial_that_is_told_after_the_expiry_is_an_expiry(
    lamps: Lamps, provider: PhoneProvider, olu: Actor, oona: Actor, work: Work, travel: Travel
) -> None:
    approval = ask(olu)
    work()
    provider.showing(code_of(approval)).answer = "deny"
    travel(3600)
    work()
    assert fresh(approval).outcome == "expired"
    assert not events("approval.denied"), "nobody is said to have denied"


def _state(lamps: Lamps) -> None:
    lamps.lit["hall"] = False


def _graver(lamps: Lamps) -> None:
    lamps.severity = "CRITICAL"


@pytest.mark.parametrize("change", [_state, _graver], ids=["state", "severity"])
def test_what_changed_between_question_and_answer_is_not_committed(
    lamps: Lamps,
    provider: PhoneProvider,
    olu: Actor,
    oona: Actor,
    work: Work,
    change: Callable[[Lamps], None],
) -> None:
    approval = ask(olu, "lamp.allow")
    work()
    change(lamps)
    approve(provider, approval)
    work()
    assert fresh(approval).outcome_code == "state_changed"
    assert not events("lamp.allowed")


def _bent(field: str, value: Any) -> Callable[[Approval], None]:
    return lambda approval: _write(approval, **{field: value})


def _write(approval: Approval, **fields: Any) -> None:
    assert Approval.objects.filter(pk=approval.pk).update(**fields) == 1


SWAPS: dict[str, Callable[[Approval], None]] = {
    "verb": _bent("verb", "lamp.remove"),
    "target": _bent("target_name", "kitchen"),
    "instance": _bent("target_instance", "edge-9"),
    "parameters": _bent("params", {"watt": 1000}),
    "severity": _bent("severity", "LOW"),
    "intent and its hash": lambda approval: _write(
        approval,
        intent=approval.intent.replace("hall", "kitchen"),
        target_name="kitchen",
    ),
    "requester": _bent("requester_sub", "auth0|somebody-else"),
    "the words on the screens": _bent("sentence", "Note lamp hall"),
    "the reason": _bent("reason", "reviewed by the whole team"),
}


@pytest.mark.parametrize("when", ["before the push", "after the push", "after the approval"])
@pytest.mark.parametrize("what", SWAPS)
def test_a_row_that_says_something_else_than_the_intent_commits_nothing(
    lamps: Lamps,
    provider: PhoneProvider,
    olu: Actor,
    oona: Actor,
    work: Work,
    what: str,
    when: str,
) -> None:
    """Intent swap: the person approves one thing, and the row says another at the commit."""
    approval = ask(olu)
    if when == "before the push":
        SWAPS[what](approval)
    work()
    if when == "after the push":
        SWAPS[what](approval)
    approve(provider, approval)
    if when == "after the approval":
        SWAPS[what](approval)
    work()
    assert_nothing_committed(lamps)
    done = fresh(approval)
    assert (done.status, done.outcome) == ("closed", "failed"), done.outcome_code
    assert done.outcome_code in {"details_differ", "intent_differs", "requester_lost_role"}
    assert events("approval.failed")[-1]["data"]["failure"] == done.outcome_code


def test_an_ask_that_was_made_to_last_longer_does_not_outlive_the_intent(
    lamps: Lamps, provider: PhoneProvider, olu: Actor, work: Work, travel: Travel
) -> None:
    approval = ask(olu, "lamp.allow", severity="HIGH")
    work()
    later = clock.now() + timedelta(days=2)
    Ask.objects.update(expires_at=later)
    _write(approval, expires_at=later)
    travel(86_400)
    approve(provider, approval)
    work()
    assert_nothing_committed(lamps)
    assert (fresh(approval).outcome, fresh(approval).outcome_code) == ("failed", "intent_expired")
