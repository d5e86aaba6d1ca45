"""Give every person of the demonstration a phone."""

from __future__ import annotations

from local.tenant import clock
from local.tenant.ciba.models import PushEnrolment
from local.tenant.ids import new_id
from local.tenant.models import Person


def seed() -> None:
    """Enrol one phone per person who has none; safe to run again."""
    enrolled = set(PushEnrolment.objects.values_list("sub", flat=True))
    for person in Person.objects.exclude(sub__in=enrolled).order_by("pk"):
        PushEnrolment.objects.create(
            id=new_id("dev_", 22),
            sub=person.sub,
            name="Demo phone",
            enrolled_at=clock.now(),
        )
