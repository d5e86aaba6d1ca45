"""Remote steps of which the log has a success: such a step is over, whatever its row says.

The entry of a result has the id of its step. Entries of older versions lack it; of those, there are
as many as there are steps that are done.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from itertools import batched
from typing import Any, Final
from uuid import UUID

from approvals.models import Effect, EffectState
from audit.erasure.subject_and_store_registry import MARK
from audit.evidence.log_proof_levels import LogSizes
from audit.models import EventRow
from audit.recording.stored_event_loader import load_many

STEP_ID: Final = "step_id"
"""The member of an entry's data that names the step whose result it is."""
_BATCH: Final = 500


def has_success(effect: Effect) -> bool:
    """Whether the log has the success of this very step.

    Raises:
        AlteredEntry: an entry of its decision was altered.
    """
    named: set[str] = set()
    unnamed = 0
    for event in _successes(effect):
        if step := event["data"].get(STEP_ID):
            named.add(step)
        elif event["target"]["name"] == effect.target_name:
            unnamed += 1
    if str(effect.pk) in named:
        return True
    return unnamed > 0 and unnamed > _others_done(effect, named)


def _successes(effect: Effect) -> Iterator[dict[str, Any]]:
    """Successes of steps of this kind, about the same target, at the same gateway."""
    rows = EventRow.of_operation(effect.operation).filter(
        action=effect.event, outcome="success", instance=effect.instance
    )
    if MARK not in effect.target_name:
        rows = rows.filter(target_name__in=[effect.target_name, ""])  # "" once it was erased
    ids = rows.order_by("event").values_list("event", flat=True)
    for some in batched(ids.iterator(_BATCH), _BATCH):
        yield from (
            one for one in load_many(some, LogSizes()) if one["data"].get("step") == effect.kind
        )


def _others_done(effect: Effect, named: Collection[str]) -> int:
    """How many steps like this one are done, without those whose success names them."""
    alike = Effect.objects.filter(
        operation=effect.operation,
        event=effect.event,
        kind=effect.kind,
        instance=effect.instance,
        target_name=effect.target_name,
        state=EffectState.DONE,
    )
    return alike.exclude(pk__in=[effect.pk, *map(UUID, named)]).count()


def perhaps_successful(effects: Collection[Effect]) -> list[Effect]:
    """Those whose decision has a success about the same target; one query."""
    rows = EventRow.objects.exclude(operation="").filter(
        operation__in={one.operation for one in effects}, outcome="success"
    )
    columns = rows.values_list("operation", "action", "instance", "target_name").distinct()
    found = set(columns.iterator(_BATCH))
    anywhere = {(operation, action, instance) for operation, action, instance, _ in found}
    return [one for one in effects if _is_among(one, found, anywhere)]


def _is_among(
    effect: Effect,
    found: Collection[tuple[str, str, str, str]],
    anywhere: Collection[tuple[str, str, str]],
) -> bool:
    where = (effect.operation, effect.event, effect.instance)
    if MARK in effect.target_name:
        return where in anywhere
    return (*where, effect.target_name) in found or (*where, "") in found
