"""Answers of those who are asked, through the product's own closing functions."""

from __future__ import annotations

from collections.abc import Callable

from django.db import transaction

from approvals import clock
from approvals.models import Approval, Ask
from approvals.pipeline import deny_expire_cancel, final_approval, locks
from audit.recording.actors import Actor


def approve(asked: Approval) -> Approval:
    """The person who is asked approves, signed."""
    return _answer(
        asked, lambda one, ask, who: final_approval.approve(one, ask, who, signed=True, evidence=())
    )


def deny(asked: Approval) -> Approval:
    """The person who is asked denies."""
    return _answer(
        asked,
        lambda one, ask, who: deny_expire_cancel.deny(
            one, ask, who, inferred=False, source="phone", now=clock.now()
        ),
    )


def expire(asked: Approval) -> Approval:
    """Nobody answers in time."""
    with transaction.atomic():
        approval = locks.locked(asked.pk)
        ask = approval.current
        assert ask is not None
        deny_expire_cancel.expire(approval, ask, source="clock", now=clock.now())
    return approval


def _answer(asked: Approval, give: Callable[[Approval, Ask, Actor], object]) -> Approval:
    with transaction.atomic():
        approval = locks.locked(asked.pk)
        ask = approval.current
        assert ask is not None
        give(approval, ask, ask.person.as_actor(via="phone"))
    return approval
