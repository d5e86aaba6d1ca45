"""What was asked of a worker, held to who asked: a row that somebody wrote or turned is not done.

The row is sealed under EVIDENCE_KEY (`audit.evidence.row_seals`), since the worker goes by it as
the person it names.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator
from typing import Any, Final
from uuid import UUID

from django.db import transaction

from audit.clock import rfc3339
from audit.evidence import row_seals
from audit.recording.actors import SYSTEM
from audit.recording.record import record
from audit.verification.checks import checks_from_other_apps
from audit.verification.checks.checks_from_other_apps import Wrong
from audit.verification.unreadable_rows import UNREADABLE
from connections.models import ReviewWork

CODE: Final = "work_altered"
WORDS: Final = (
    "This is not what was asked: someone wrote to the database. Nothing was done; find out who, "
    "and ask again."
)
_LABEL: Final = "ata.review-work.v1"
_log = logging.getLogger(__name__)


def seal(work: ReviewWork) -> ReviewWork:
    """Put a seal over what is asked."""
    work.seal = row_seals.seal(_LABEL, _said(work))
    return work


def is_sealed(work: ReviewWork) -> bool:
    """Whether the row is as it was asked."""
    try:
        return row_seals.holds(_LABEL, _said(work), work.seal)
    except UNREADABLE:
        return False


def sealed_now() -> set[UUID]:
    """Rows that are as they were asked."""
    return {work.pk for work in ReviewWork.objects.all() if is_sealed(work)}


def reseal(which: Collection[UUID]) -> None:
    """Seal these again: this portal removed personal values from them, or the key changes."""
    for work in ReviewWork.objects.filter(pk__in=which):
        seal(work).save(update_fields=["seal"])


def refuse(work: ReviewWork) -> None:
    """End what nobody asked for so; records `ledger.alarm`, and nothing of what it says."""
    with transaction.atomic():
        mine = ReviewWork.objects.filter(pk=work.pk)
        if mine.update(due=None, code=CODE, detail=WORDS):
            _log.critical("%s: %s", work, WORDS)
            data = {"code": CODE, "review": str(work.pk)}
            record(SYSTEM, "ledger.alarm", data=data, reason=f"Review refused. {WORDS}")


def problems() -> Iterator[Wrong]:
    """Rows that are not what was asked; part of `verify_ledger`."""
    for work in ReviewWork.objects.order_by("pk"):
        if not is_sealed(work):
            yield Wrong(f"the work on review {work.pk} is not what was asked", None)


def _said(work: ReviewWork) -> dict[str, Any]:
    named = {name: getattr(work, name) for name in ("verb", "actor", "params")}
    return {**named, "review": str(work.pk), "asked": rfc3339(work.asked)}


checks_from_other_apps.register("work on reviews", problems, pending=True)
