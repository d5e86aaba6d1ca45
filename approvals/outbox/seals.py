"""Remote steps, held to what a commit wrote: a row that somebody made or changed is not run.

The row is sealed with everything that its handler goes by (`audit.evidence.row_seals`). How far it
is, its label and its detail are not: `step_success_in_log` finds a step that is over in the log.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator
from itertools import batched
from typing import Any, Final
from uuid import UUID

from django.db import transaction

from approvals import clock
from approvals.models import Effect, EffectState
from approvals.outbox import step_success_in_log
from audit.evidence import row_seals
from audit.models import EventRow
from audit.recording.actors import SYSTEM
from audit.recording.record import record
from audit.recording.stored_event_loader import AlteredEntry
from audit.verification.checks import checks_from_other_apps
from audit.verification.checks.checks_from_other_apps import Wrong
from audit.verification.unreadable_rows import UNREADABLE

CODE: Final = "step_altered"
WORDS: Final = (
    "This is not the step that was committed: someone wrote to the database. Nothing was sent; "
    "find out who, and decide again."
)
LABEL: Final = "ata.step.v1"
SEALED: Final = (
    *("kind", "verb", "event", "operation", "actor", "target_kind", "target_name"),
    *("instance", "severity", "intent_hash", "payload"),
)
_BATCH: Final = 500
_log = logging.getLogger(__name__)


def said(effect: Effect) -> dict[str, Any]:
    """What a seal covers."""
    names = {name: getattr(effect, name) for name in SEALED}
    return {**names, "id": str(effect.pk), "approval": str(effect.approval_id or "")}


def is_sealed(effect: Effect) -> bool:
    """Whether the row is as its commit wrote it."""
    try:
        return row_seals.holds(LABEL, said(effect), effect.seal)
    except UNREADABLE:
        return False


def sealed_now() -> set[UUID]:
    """Steps that are not done and as they were committed."""
    return {effect.pk for effect in _unfinished() if is_sealed(effect)}


def reseal(which: Collection[UUID]) -> None:
    """Seal these again: this portal removed personal values from them, or the key changes."""
    for effect in Effect.objects.filter(pk__in=which):
        Effect.objects.filter(pk=effect.pk).update(seal=row_seals.seal(LABEL, said(effect)))


def refuse(effect: Effect) -> None:
    """End a step that nobody committed so; records `ledger.alarm`, and nothing of what it says."""
    mine = Effect.objects.filter(pk=effect.pk, lease=effect.lease)
    with transaction.atomic(durable=True):
        ended = mine.update(
            state=EffectState.FAILED, detail=WORDS, due=None, lease=None, updated=clock.now()
        )
        if ended:
            _log.critical("remote step %s: %s", effect.pk, WORDS)
            data = {"code": CODE, "step": str(effect.pk)}
            record(SYSTEM, "ledger.alarm", data=data, reason=f"Remote step refused. {WORDS}")


def problems() -> Iterator[Wrong]:
    """Steps that wait or failed and are not what was committed, or of which the log has a success;
    part of `verify_ledger`."""
    for batch in batched(_unfinished(), _BATCH):
        for effect in batch:
            if not is_sealed(effect):
                message = f"the remote step {effect.pk} is not one that was committed"
                yield Wrong(message, _index(effect))
        for effect in step_success_in_log.perhaps_successful(batch):
            if _is_over(effect):
                message = f"the remote step {effect.pk} succeeded, and its row says otherwise"
                yield Wrong(message, _index(effect))


def _is_over(effect: Effect) -> bool:
    try:
        return step_success_in_log.has_success(effect)
    except AlteredEntry:  # reported as an entry
        return False


def _index(effect: Effect) -> int | None:
    """The entry of the decision that has this step."""
    rows = EventRow.of_operation(effect.operation).filter(outcome="pending")
    return rows.exclude(action="approval.requested").values_list("seq", flat=True).first()


def _unfinished() -> Iterator[Effect]:
    found = Effect.objects.exclude(state=EffectState.DONE).order_by("id")
    return found.iterator(chunk_size=_BATCH)


checks_from_other_apps.register("remote steps", problems, pending=True)
