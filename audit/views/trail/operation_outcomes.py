"""What an operation came to: an event that opened one shows its end, as what came later.

The event itself was pending when it was recorded, and a page never calls it a success.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Final

from approvals.models import Approval, Effect, EffectState, Outcome
from audit.models import EventRow

PENDING: Final = "pending"
_REQUESTED: Final = "approval.requested"
_ENDS: Final[dict[str, str]] = {
    Outcome.APPROVED: "later_approved",
    Outcome.DENIED: "later_denied",
    Outcome.EXPIRED: "later_expired",
    Outcome.FAILED: "later_failed",
    Outcome.CANCELLED: "later_cancelled",
    "": PENDING,
}
_RESULTS: Final[dict[str, str]] = {
    "success": "later_done",
    "failure": "later_failed",
    "denied": "later_denied",
    "expired": "later_expired",
    "cancelled": "later_cancelled",
}
_GRAVITY: Final = {
    "success": 0,
    "cancelled": 1,
    "expired": 2,
    "unknown": 3,
    "denied": 4,
    "failure": 5,
}


@dataclass(frozen=True, slots=True)
class Opening:
    """An event as it was recorded: `id`, its `operation`, `action` and `outcome`."""

    id: str
    operation: str
    action: str
    outcome: str


def came_to(events: Iterable[Opening]) -> dict[str, str]:
    """By event id, what the operations of the pending ones came to later; three queries at most.

    The codes are those of `ui.code_labels`, such as `later_approved`; `pending` is left for those
    that are still open. Events that are not pending are left out.
    """
    opened = [one for one in events if one.outcome == PENDING and one.operation]
    if not opened:
        return {}
    operations = {one.operation for one in opened}
    ends, steps, results = _answers(operations), _steps(operations), _results(operations)
    return {
        one.id: ends.get(one.operation, PENDING)
        if one.action == _REQUESTED
        else _of_steps(steps.get((one.operation, one.action)))
        or results.get((one.operation, one.action), PENDING)
        for one in opened
    }


def came_to_rows(rows: Collection[EventRow]) -> dict[str, str]:
    """The same for rows of the search."""
    return came_to(Opening(str(r.event), r.operation, r.action, r.outcome) for r in rows)


def _answers(operations: Collection[str]) -> dict[str, str]:
    found = Approval.objects.filter(operation__in=operations).order_by("created")
    return {operation: _ENDS[end] for operation, end in found.values_list("operation", "outcome")}


def _steps(operations: Collection[str]) -> dict[tuple[str, str], set[str]]:
    found: dict[tuple[str, str], set[str]] = defaultdict(set)
    rows = Effect.objects.filter(operation__in=operations)
    for operation, event, state in rows.values_list("operation", "event", "state"):
        found[operation, event].add(state)
    return found


def _results(operations: Collection[str]) -> dict[tuple[str, str], str]:
    """What later events of the operations say, for those whose steps are no longer kept.

    Of each gateway and target the last result counts; among those, the worst."""
    rows = EventRow.objects.exclude(operation="").filter(operation__in=operations)
    later = rows.exclude(outcome=PENDING).order_by("seq", "event")
    fields = ("operation", "action", "instance", "target_name", "outcome")
    last = {tuple(key): end for *key, end in later.values_list(*fields)}
    found: dict[tuple[str, str], str] = {}
    for (operation, action, *_), end in last.items():
        known = found.get((operation, action), end)
        found[operation, action] = max(known, end, key=lambda one: _GRAVITY.get(one, 3))
    return {key: _RESULTS.get(end, end) for key, end in found.items()}


def _of_steps(states: set[str] | None) -> str:
    """What the steps came to; empty where none is known."""
    if not states:
        return ""
    if states & {EffectState.PENDING, EffectState.UNKNOWN}:
        return PENDING
    return "later_failed" if EffectState.FAILED in states else "later_done"
