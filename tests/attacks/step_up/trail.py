"""What every attack is held to: nothing committed, and the trail says what really happened."""

from __future__ import annotations

from typing import Any

from approvals.models import Approval, Effect
from audit.models import EventRow
from tests.accounts.trail import events
from tests.approvals.asking import code_of, fresh
from tests.approvals.lamps import Lamps
from tests.attacks.step_up.provider import PhoneProvider

COMMITTING = ("lamp.blocked", "lamp.allowed", "lamp.removed")


def one_event_or_more() -> None:
    """An attack that leaves no trace was not recorded."""
    assert EventRow.objects.exists()


def committed() -> list[str]:
    """What is on the trail as done, and as a remote step that was begun."""
    done = [e["action"] for e in events() if e["action"] in COMMITTING and e["outcome"] != "denied"]
    return done + [e.event for e in Effect.objects.filter(event__in=COMMITTING)]


def assert_nothing_committed(lamps: Lamps) -> None:
    """The room is as it was; neither trail nor outbox says otherwise."""
    assert lamps.lit == {}
    assert committed() == []


def assert_refused(lamps: Lamps, approval: Approval, code: str) -> dict[str, Any]:
    """Closed as failed for that reason, and one event says so; returns the event."""
    assert_nothing_committed(lamps)
    done = fresh(approval)
    assert (done.status, done.outcome, done.outcome_code) == ("closed", "failed", code)
    [said] = events("approval.failed")
    assert (said["outcome"], said["data"]["failure"]) == ("failure", code)
    assert said["intent_hash"] == approval.intent_hash
    assert said["approval"] == str(approval.pk)
    assert not events("approval.approved"), "nobody is said to have approved"
    return said


def approve(provider: PhoneProvider, approval: Approval) -> None:
    """The asked person approves on the phone."""
    provider.answer(code_of(approval), "approve")


def refused() -> list[tuple[str, str, str]]:
    """What doors refused: subject (of the session, where nobody is proven), address, code."""
    return [
        (
            event["actor"]["sub"] or (event["on_behalf_of"] or {}).get("sub", ""),
            event["target"]["name"] if event["target"] else "",
            event["data"]["code"],
        )
        for event in events("access.refused")
    ]


def late(approval: Approval) -> list[dict[str, Any]]:
    """Events of answers that came when there was nothing left to answer."""
    found = events("approval.failed")
    return [
        event
        for event in found
        if event["approval"] == str(approval.pk)
        and event["data"]["failure"] == "answered_after_close"
    ]
