"""What happens to an erasure that is not the one that was approved: nothing more, and an alarm."""

from __future__ import annotations

import logging

from django.db import transaction

from approvals import clock
from approvals.erasure import approved_scope
from approvals.models import Erasure, ErasureState
from approvals.registry import EffectResult
from audit.models import EventRow
from audit.recording.actors import SYSTEM
from audit.recording.record import record

log = logging.getLogger(__name__)


def refuse(found: Erasure | None, operation: str) -> EffectResult:
    """Stop it for good; records `ledger.alarm`, once for each decision.

    What it emptied so far is in no entry: a list that somebody may have written proves nothing.

    Args:
        found: the row, where there is one.
        operation: of the decision that was to be carried out.
    """
    decided = EventRow.of_operation(operation).filter(action="subject.erased")
    index = decided.filter(outcome="pending").values_list("seq", flat=True).first()
    alarms = EventRow.of_operation(operation).filter(action="ledger.alarm")
    with transaction.atomic():
        if found is not None and found.operation == operation:
            Erasure.objects.filter(pk=found.pk).update(
                state=ErasureState.FAILED, detail=approved_scope.WORDS, finished=clock.now()
            )
        if not alarms.exists():
            log.critical("an erasure decided at entry %s: %s", index, approved_scope.WORDS)
            data = {"code": approved_scope.CODE, "index": index}
            reason = f"Erasure refused: {approved_scope.WORDS}."
            record(SYSTEM, "ledger.alarm", data=data, reason=reason, operation=operation)
    return EffectResult(
        "failed",
        approved_scope.WORDS,
        data={"failure": approved_scope.CODE, "decision_index": index},
    )
