"""Erasing a person: the values behind commitments go, the ledger stays whole."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import batched

from django.db import transaction

from audit import evidence, projection
from audit.models import Openings

_BATCH = 1000


@dataclass(frozen=True, slots=True)
class Erased:
    """How many events lost values, and whether evidence about the person existed."""

    events: int
    evidence: bool


def erase_subject(subject_key: str) -> Erased:
    """Delete a person's openings, make their search rows anew, and destroy their evidence key.

    The key goes last and only when the rest is committed, because it cannot be brought back; a
    run that was cut short is simply repeated.

    Raises:
        ValueError: the empty key, which belongs to nobody.
    """
    if not subject_key:
        raise ValueError("values that are about nobody have nobody to be erased for")
    with transaction.atomic():
        theirs = Openings.objects.filter(subject=subject_key)
        events = list(theirs.values_list("event", flat=True))
        theirs.delete()
        for some in batched(events, _BATCH):
            projection.refresh(some)
        gone = evidence.has_key(subject_key)
        transaction.on_commit(lambda: evidence.erase_subject(subject_key))
    return Erased(len(events), gone)
