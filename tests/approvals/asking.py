"""Asking for something and looking at what came of it."""

from __future__ import annotations

from typing import Any

from approvals.models import Approval
from approvals.pipeline.service import perform
from audit.recording.actors import Actor, Target
from tests.accounts.trail import events

HALL = Target("lamp", "hall")


def ask(
    actor: Actor, verb: str = "lamp.block", severity: str = "CRITICAL", **more: Any
) -> Approval:
    """Perform something that has to ask."""
    approval = perform(actor, verb, HALL, severity=severity, **more).approval
    assert approval is not None
    return approval


def code_of(approval: Approval) -> str:
    """The code both screens show."""
    assert approval.current is not None
    return approval.current.code


def fresh(approval: Approval) -> Approval:
    """As the database has it now."""
    return Approval.objects.get(pk=approval.pk)


def actions() -> list[str]:
    """Everything on the trail, in order."""
    return [event["action"] for event in events()]


def assert_failed(approval: Approval, code: str) -> None:
    """Failed for that reason, and nothing committed."""
    done = fresh(approval)
    assert (done.status, done.outcome, done.outcome_code) == ("closed", "failed", code)
    assert events("lamp.blocked") == []
    assert events("approval.failed")[-1]["data"]["failure"] == code
