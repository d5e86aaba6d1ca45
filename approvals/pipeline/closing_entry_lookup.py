"""Which entry of the log closes an approval request, and with what outcome.

Other entries of a request have the same actions or the same id: an answer that was not taken, a
person who did not answer in time, the hold, and the results of remote steps.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import batched
from typing import Any, Final

from approvals import registry
from approvals.models import Approval, Outcome
from audit.evidence.log_proof_levels import LogSizes
from audit.models import EventRow
from audit.recording.stored_event_loader import load_many

_BATCH: Final = 500
_OUTCOMES: Final[dict[str, Outcome]] = {
    "approval.denied": Outcome.DENIED,
    "approval.expired": Outcome.EXPIRED,
    "approval.failed": Outcome.FAILED,
    "approval.cancelled": Outcome.CANCELLED,
}

type Closing = dict[str, tuple[str, dict[str, Any]]]
"""By the id of a request: its outcome, and the event that closed it."""


def outcome_of(event: dict[str, Any], request: Approval) -> str:
    """With what outcome an event closed a request; empty where it did not close it.

    The `approval.denied` of a denial that is confirmed, signed or given a reason counts, too.
    """
    if event["approval"] != str(request.pk) or _went_on(event["data"]):
        return ""
    if outcome := _OUTCOMES.get(event["action"]):
        return outcome
    return Outcome.APPROVED if _is_decision(event, request) else ""


def _went_on(data: dict[str, Any]) -> bool:
    """Whether others were asked, or it is about an answer that was not taken."""
    return bool(data.get("next_person_asked") or data.get("others_asked") or "answer" in data)


def _is_decision(event: dict[str, Any], request: Approval) -> bool:
    """Whether it is the event of what was approved, and not of its hold, a part or a step."""
    if event["intent_hash"] != request.intent_hash:
        return False
    if {"one_of_several", "step"} & event["data"].keys():
        return False
    action, decided = event["action"], _decided(request.verb)
    return bool(action == decided if decided else not action.startswith("approval."))


def _decided(verb: str) -> str:
    """The action of the event of a decision; empty where this version has no such verb."""
    try:
        return registry.get(verb).event
    except registry.UnknownVerb:
        return ""


def closing(requests: Iterable[Approval]) -> Closing:
    """The first entry that closed each of these requests; none for one that waits.

    Raises:
        AlteredEntry: an entry of one of the requests was altered.
    """
    by_id = {str(one.pk): one for one in requests}
    actions = {*_OUTCOMES, *(_decided(one.verb) for one in by_id.values())}
    rows = EventRow.objects.exclude(operation="").filter(
        operation__in={one.operation for one in by_id.values()},
        approval__in=list(by_id),
        action__in=actions,
    )
    found: Closing = {}
    ids = rows.order_by("event").values_list("event", flat=True)
    for some in batched(ids.iterator(_BATCH), _BATCH):
        for event in load_many(some, LogSizes()):
            if outcome := outcome_of(event, by_id[event["approval"]]):
                found.setdefault(event["approval"], (outcome, event))
    return found
