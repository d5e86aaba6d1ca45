"""Limits of pushes: so many a minute to one person, and so many requests in vain within an hour.

Five a minute by default, whatever the issuer allows. Many pushes teach people to approve any (MFA
fatigue), and Auth0 sends one person no more than five a minute. What comes after waits for its turn
with its own due time, and its clock stands still meanwhile: the wait alone makes nothing expire.
Only `not_after` of the intent is an end.

A push is an ask with `started`, so the count is in the rows: it survives workers and their restart.
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Final

from django.conf import settings
from django.db import transaction
from django.db.models import Q

from approvals import clock
from approvals.errors import Refused
from approvals.models import Approval, Ask, AskState, Channel, Outcome, Person, Status
from audit.recording.actors import Actor

WITHIN: Final = timedelta(minutes=1)
SLACK_S: Final = 600
"""How much longer an intent may wait for its person's turn than that person has to answer."""
IN_VAIN_MOST: Final = 10
"""Requests of one person that are denied, or that they withdraw, within an hour before they can
request nothing more."""
OVERTAKEN_BY_REQUESTER: Final = "overtaken_by_requester"
"""The code of a request that its requester overtook by another decision."""
_WORDS: Final = "waiting for its turn: one person gets at most"


def most() -> int:
    """How many pushes a person gets a minute; production refuses to start with more than five."""
    return int(settings.PUSHES_PER_MINUTE)


def words() -> str:
    """The limit, as pages say it."""
    number = most()
    return "one push a minute" if number == 1 else f"{number} pushes a minute"


def waits(ask: Ask) -> bool:
    """Whether an ask is not sent yet because its person has had enough pushes for now."""
    return ask.state == AskState.STARTING and ask.detail.startswith(_WORDS)


def take(ask: Ask, now: datetime) -> bool:
    """Claim one of the person's pushes for `ask`, which is then started; else it waits.

    Workers that claim for one person at once do so one after the other.
    """
    limit = most()
    with transaction.atomic(durable=True):
        Person.objects.select_for_update().get(pk=ask.person_id)
        pushed = Ask.objects.filter(person=ask.person_id, started__gt=now - WITHIN)
        sent = list(
            pushed.exclude(channel=Channel.PASSKEY)
            .order_by("-started")
            .values_list("started", flat=True)[:limit]
        )
        oldest = sent[-1] if len(sent) == limit else None
        if oldest is None:
            Ask.objects.filter(pk=ask.pk).update(started=now, detail="")
            return True
        _wait(ask, now, oldest + WITHIN)
    return False


def _wait(ask: Ask, now: datetime, due: datetime) -> None:
    end = not_after(ask.approval)
    expires = max(ask.expires_at, min(ask.expires_at + (due - now), end))
    Ask.objects.filter(pk=ask.pk).update(
        due=min(due, expires),
        expires_at=expires,
        detail=f"{_WORDS} {words()}; asked again at {due:%H:%M:%S} UTC",
    )
    Approval.objects.filter(pk=ask.approval_id, status=Status.PENDING).update(expires_at=expires)


def not_after(approval: Approval) -> datetime:
    """When its intent ends for good; now where its text was modified, since it commits nothing."""
    try:
        return datetime.fromisoformat(json.loads(approval.intent)["not_after"])
    except (ValueError, KeyError, TypeError):
        return clock.now()


def check_in_vain(actor: Actor, now: datetime) -> None:
    """Refuse a request of an actor of whose requests many were denied, withdrawn, or ended by
    decisions of their own: made again, each rings a phone.

    Raises:
        Refused: `asked_too_often`.
    """
    ended = Q(outcome__in=(Outcome.CANCELLED, Outcome.DENIED))
    in_vain = Approval.objects.filter(
        ended | Q(outcome_code=OVERTAKEN_BY_REQUESTER),
        status=Status.CLOSED,
        created__gt=now - timedelta(hours=1),
        requester_iss=actor.iss,
        requester_sub=actor.sub,
    )
    if actor.sub and in_vain.count() >= IN_VAIN_MOST:
        raise Refused(
            "asked_too_often",
            f"{IN_VAIN_MOST} of your requests were denied within an hour, or you withdrew or "
            "overtook them. Ask again later; what restricts without an approval goes on.",
        )
