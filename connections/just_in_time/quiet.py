"""The time after a denial in which an owner is not asked again to wake an account."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from approvals import clock
from approvals.models import Approval, Outcome, Status
from audit.actor import Target

QUIET: Final = timedelta(minutes=15)
"""Who said no, or did not answer, is left in peace for so long: the broker asks nobody to death."""


def why_nobody_is_asked(verb: str, target: Target) -> str:
    """Why nobody is asked again yet; empty when it is time to."""
    last = (
        Approval.objects.filter(
            verb=verb,
            target_kind=target.kind,
            target_name=target.name,
            status=Status.CLOSED,
            outcome__in=[Outcome.DENIED, Outcome.EXPIRED],
            closed__gt=clock.now() - QUIET,
        )
        .order_by("-closed")
        .first()
    )
    if last is None or last.closed is None:
        return ""
    why = "Its owner said no" if last.outcome == Outcome.DENIED else "Its owner did not answer"
    return f"{why}; they are asked again from {clock.stamp(last.closed + QUIET)} on."
