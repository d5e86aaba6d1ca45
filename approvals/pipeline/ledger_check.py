"""Compares approval requests with their entries; part of `verify_ledger`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import batched
from typing import Any, Final
from uuid import UUID

from approvals.models import Approval, Status
from approvals.pipeline import closing_entry_lookup
from audit.models import EventRow
from audit.recording.stored_event_loader import AlteredEntry, load_many
from audit.verification.checks import checks_from_other_apps
from audit.verification.checks.checks_from_other_apps import Wrong

_BATCH: Final = 500
_NONE: Final[dict[str, Any]] = {"approval": "", "action": "", "index": None, "id": "", "data": {}}
"""In place of an event that is not there."""


def problems() -> Iterator[Wrong]:
    """Requests that no entry closed so, that wait although an entry closed them, or are gone."""
    yield from _closed_otherwise()
    yield from _reopened()
    yield from _gone()


def _closed_otherwise() -> Iterator[Wrong]:
    closed = Approval.objects.filter(status=Status.CLOSED).order_by("pk")
    for batch in batched(closed.iterator(_BATCH), _BATCH):
        events = _by_id([one.event_id for one in batch if one.event_id])
        for request in batch:
            event = events.get(request.event_id, _NONE) if request.event_id else _NONE
            outcome = closing_entry_lookup.outcome_of(event, request) if event else ""
            if event and (not outcome or outcome != request.outcome):
                how = request.outcome or "closed"
                message = f"no entry closed the request {request.pk} as {how}"
                yield Wrong(message, event["index"], event["id"])


def _reopened() -> Iterator[Wrong]:
    waiting = Approval.objects.exclude(status=Status.CLOSED).order_by("pk")
    for batch in batched(waiting.iterator(_BATCH), _BATCH):
        for id, (outcome, event) in _closing(batch).items():
            message = f"the request {id} waits, and this entry closed it as {outcome}"
            yield Wrong(message, event["index"], event["id"])


def _gone() -> Iterator[Wrong]:
    """Entries of requests without a row: neither an erasure nor the end of any time removes one."""
    asked = EventRow.objects.filter(action="approval.requested").order_by("event")
    columns, after = asked.values_list("event", "approval", "seq"), UUID(int=0)
    while rows := list(columns.filter(event__gt=after)[:_BATCH]):
        after = rows[-1][0]
        first: dict[UUID, tuple[UUID, int | None]] = {}
        for event, approval, index in rows:
            if (pk := _uuid(approval)) is not None:
                first.setdefault(pk, (event, index))
        there = set(Approval.objects.filter(pk__in=first).values_list("pk", flat=True))
        for pk, (event, index) in first.items():
            if pk not in there:
                message = f"the request {pk} of this entry is missing from the database"
                yield Wrong(message, index, str(event))


def _uuid(text: str) -> UUID | None:
    """The id of a request; None where an event that is not of a request has the same action."""
    try:
        return UUID(text)
    except ValueError:
        return None


def _closing(batch: Sequence[Approval]) -> closing_entry_lookup.Closing:
    """What closed requests; without those of which an entry cannot be read."""
    try:
        return closing_entry_lookup.closing(batch)
    except AlteredEntry:
        if len(batch) < 2:
            return {}
        middle = len(batch) // 2
        return _closing(batch[:middle]) | _closing(batch[middle:])


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
