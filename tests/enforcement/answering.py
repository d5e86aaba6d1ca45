"""Answers of those who are asked, through the product's own closing functions."""

from __future__ import annotations

from django.db import transaction

from approvals import clock, closing, locking
from approvals.models import Approval


def approve(asked: Approval) -> Approval:
    """Whoever is asked approves, signed."""
    with transaction.atomic():
        approval = locking.locked(asked.pk)
        ask = approval.current
        assert ask is not None
        person = ask.person.as_actor(via="phone")
        closing.approve(approval, ask, person, signed=True, evidence=())
    return approval


def deny(asked: Approval) -> Approval:
    """Whoever is asked denies."""
    with transaction.atomic():
        approval = locking.locked(asked.pk)
        ask = approval.current
        assert ask is not None
        person = ask.person.as_actor(via="phone")
        closing.deny(approval, ask, person, inferred=False, source="phone", now=clock.now())
    return approval
