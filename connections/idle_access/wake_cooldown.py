"""The time after a request to wake an account in which its owner is not asked again."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from django.db.models import Q

from approvals import clock
from approvals.models import Approval, Outcome, Status
from approvals.pipeline import overtaken_requests
from approvals.step_up.rate_limit import OVERTAKEN_BY_REQUESTER
from audit.recording.actors import Target

QUIET: Final = timedelta(minutes=15)
"""Who said no, or did not answer, is left in peace for so long: the broker asks nobody to death."""


_WHY: Final = {
    Outcome.DENIED: "Its owner said no",
    Outcome.EXPIRED: "Its owner did not answer",
    Outcome.CANCELLED: "The request was withdrawn",
}
_OVERTAKEN: Final = (overtaken_requests.CODE, OVERTAKEN_BY_REQUESTER)


def why_nobody_is_asked(verb: str, target: Target) -> str:
    """Why nobody is asked again yet; empty when it is time to."""
    last = (
        Approval.objects.filter(
            verb=verb,
            target_kind=target.kind,
            target_name=target.name,
            status=Status.CLOSED,
            closed__gt=clock.now() - QUIET,
        )
        .filter(Q(outcome__in=_WHY) | Q(outcome=Outcome.FAILED, outcome_code__in=_OVERTAKEN))
        .order_by("-closed")
        .first()
    )
    if last is None or last.closed is None:
        return ""
    why = _WHY.get(Outcome(last.outcome), "Another decision ended the request")
    return f"{why}; they are asked again from {clock.stamp(last.closed + QUIET)} on."
