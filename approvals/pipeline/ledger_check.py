"""Compares closed requests with the events that closed them; part of `verify_ledger`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import batched
from typing import Any, Final
from uuid import UUID

from approvals.models import Approval, Outcome, Status
from audit.recording.stored_event_loader import AlteredEntry, load_many
from audit.verification.checks import checks_from_other_apps
from audit.verification.checks.checks_from_other_apps import Wrong

_BATCH: Final = 500
_CLOSES: Final[dict[str, str]] = {
    Outcome.DENIED: "approval.denied",
    Outcome.EXPIRED: "approval.expired",
    Outcome.FAILED: "approval.failed",
    Outcome.CANCELLED: "approval.cancelled",
}
"""The action of the event that closes a request; an approved one is closed by what it decided."""
_NONE: Final[dict[str, Any]] = {"approval": "", "action": "", "index": None, "id": ""}
"""In place of an event that is not there."""


def problems() -> Iterator[Wrong]:
    """Requests that are closed by no event, or by one that says something else."""
    closed = Approval.objects.filter(status=Status.CLOSED).order_by("pk")
    for batch in batched(closed.iterator(_BATCH), _BATCH):
        events = _by_id([one.event_id for one in batch if one.event_id])
        for request in batch:
            event = events.get(request.event_id, _NONE) if request.event_id else _NONE
            if event and not _says(event, request):
                how = request.outcome or "closed"
                message = f"no entry closed the request {request.pk} as {how}"
                yield Wrong(message, event["index"], event["id"])


def _says(event: dict[str, Any], request: Approval) -> bool:
    """Whether an event closed a request as its row has it."""
    if event["approval"] != str(request.pk):
        return False
    if request.outcome == Outcome.APPROVED:
        return not event["action"].startswith("approval.")
    return bool(event["action"] == _CLOSES.get(request.outcome))


def _by_id(ids: Sequence[UUID]) -> dict[UUID, dict[str, Any] | None]:
    """Events by id; None for one whose entry cannot be read, which is reported as an entry."""
    try:
        return {UUID(one["id"]): one for one in load_many(ids)}
    except AlteredEntry:
        if len(ids) < 2:
            return {ids[0]: None}
        middle = len(ids) // 2
        return _by_id(ids[:middle]) | _by_id(ids[middle:])


checks_from_other_apps.register("requests", problems)
