"""People to compare with Auth0 out of turn: due rows that survive the process that wrote them."""

from __future__ import annotations

from datetime import datetime, timedelta

from approvals import clock
from connections.models import PersonLook
from connections.sync import connected_accounts

SOON = timedelta(seconds=5)
AGAIN = timedelta(minutes=5)
_BATCH = 20


def ask(iss: str, sub: str, due: datetime) -> None:
    """Compare this person's accounts at `due`, or earlier if that was asked already."""
    PersonLook.objects.get_or_create(iss=iss, sub=sub, defaults={"due": due})


def run_due(now: datetime | None = None) -> int:
    """Compare people that are due; one that Auth0 could not be asked about is due again later."""
    now = now or clock.now()
    ran = 0
    for row in PersonLook.objects.filter(due__lte=now).order_by("due")[:_BATCH]:
        # Moving it on claims it: a worker that dies leaves it due again.
        if not PersonLook.objects.filter(pk=row.pk, due=row.due).update(due=now + AGAIN):
            continue
        if connected_accounts.one_person(row.iss, row.sub):
            PersonLook.objects.filter(pk=row.pk, due=now + AGAIN).delete()
        ran += 1
    return ran
