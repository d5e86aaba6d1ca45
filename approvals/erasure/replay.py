"""A restored database lacks what was erased since: the list outside it is replayed.

A legal hold that the older database holds does not stop it: the erasure was done.
"""

from __future__ import annotations

import logging

from django.db import transaction

from approvals import clock
from approvals.erasure import approved_scope, erasure_list_file, job
from approvals.models import Erasure, ErasureState
from audit.clock import uuid7
from audit.recording.actors import SYSTEM, Target
from audit.recording.record import record

log = logging.getLogger(__name__)
_ROUNDS = 10_000
_AGAIN = "erased again after a restore"


def run_due() -> int:
    """Erase again what the database lacks; returns how many were finished now.

    Raises:
        TombstonesDamaged: the list is not what was written.
    """
    note_missing()
    finished = 0
    for erasure in Erasure.objects.filter(replayed=True).exclude(detail=_AGAIN):
        for _ in range(_ROUNDS):
            result = job.go_on(erasure)
            if result.state != "pending":
                finished += _record(erasure)
                break
            if result.retry_in_s:  # somebody else is at it, or reads: next time
                break
    return finished


def note_missing() -> int:
    """Take up each erasure of the list that this database does not know; returns how many.

    And the other way round: one that the list lacks, since it is older, is added to it.
    """
    listed = erasure_list_file.read()
    there = {(one.subject, one.index): one for one in Erasure.objects.filter(index__isnull=False)}
    missing = [one for one in listed if (one.subject, one.index) not in there]
    for stone in missing:
        log.warning("the erasure decided at entry %s is not in this database: erasing", stone.index)
        made = Erasure(
            id=uuid7(),
            subject=stone.subject,
            operation=str(uuid7()),
            index=stone.index,
            replayed=True,
            begun=clock.now(),
        )
        approved_scope.begin(made)
    for name in there.keys() - {(one.subject, one.index) for one in listed}:
        if name[1] is not None and _was_decided(there[name]):
            erasure_list_file.add(name[0], name[1])
    return len(missing)


def _was_decided(erasure: Erasure) -> bool:
    """Nobody is put on the list by a row that somebody wrote into the database."""
    try:
        return not erasure.replayed and not approved_scope.altered(erasure)
    except approved_scope.NotYet:
        return False


def _record(erasure: Erasure) -> int:
    """The certificate of an erasure that was repeated, once."""
    unsaid = Erasure.objects.filter(pk=erasure.pk, state=ErasureState.DONE).exclude(detail=_AGAIN)
    with transaction.atomic():
        if not unsaid.update(detail=_AGAIN):
            return 0
        erasure.refresh_from_db()
        record(
            SYSTEM,
            "erasure.replayed",
            target=Target("subject", erasure.subject),
            operation=erasure.operation,
            data=dict(erasure.certificate),
        )
    return 1


def unfinished() -> int:
    """How many erasures that were taken up again are not finished."""
    return Erasure.objects.filter(replayed=True, state=ErasureState.PENDING).count()


def waits_for() -> str:
    """What the newest of them waits for."""
    waiting = Erasure.objects.filter(replayed=True, state=ErasureState.PENDING)
    return waiting.values_list("detail", flat=True).first() or ""
