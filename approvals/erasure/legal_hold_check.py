"""Legal holds: what forbids the erasure of a person."""

from __future__ import annotations

from django.db.models import QuerySet

from approvals.errors import Refused
from approvals.models import LegalHold

CODE = "legal_hold"


def in_force(subject: str) -> QuerySet[LegalHold]:
    """The holds on a person that nobody lifted."""
    return LegalHold.objects.filter(subject=subject, lifted_at=None)


def check(subject: str) -> None:
    """Let nobody erase who is held.

    Raises:
        Refused: `legal_hold`.
    """
    count = in_force(subject).count()
    if count:
        held = "A legal hold is" if count == 1 else f"{count} legal holds are"
        raise Refused(
            CODE, f"{held} on this person: nothing of theirs may be erased until it is lifted."
        )
