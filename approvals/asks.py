"""Asks: choosing the next person, sending the push, keeping the code that both screens show."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings

from approvals import people
from approvals.codes import new_code
from approvals.models import Approval, Ask, AskState, Person
from audit.actor import Actor


def ask_next(approval: Approval, requester: Actor, now: datetime) -> Ask | None:
    """Add an ask to the next person who was not tried yet; None when nobody is left."""
    rule = approval.rule
    tried = approval.asks.values_list("person_id", flat=True)
    queue = people.roster(
        roles=rule["approver_roles"], approver=rule["approver"], requester=requester, tried=tried
    )
    if not queue and approval.single_person and not approval.asks.exists():
        alone = people.only_person(roles=rule["approver_roles"], requester=requester)
        queue = [alone] if alone else []
    return add_ask(approval, queue[0], now) if queue else None


def add_ask(
    approval: Approval, person: Person, now: datetime, *, until: datetime | None = None
) -> Ask:
    """Ask this person with a fresh code until `until`, else for as long as the policy gives.

    Older asks of the approval are superseded. A push that is out keeps being polled: an answer to
    it commits nothing but is recorded.
    """
    approval.asks.filter(state=AskState.STARTING).update(state=AskState.SUPERSEDED, due=None)
    approval.asks.filter(state=AskState.WAITING).update(state=AskState.SUPERSEDED)
    ask = Ask.objects.create(
        approval=approval,
        number=approval.asks.count() + 1,
        person=person,
        code=new_code(),
        expires_at=until or now + timedelta(seconds=settings.STEP_UP_EXPIRY_S),
        due=now,
    )
    approval.expires_at = ask.expires_at
    approval.due = None
    approval.save(update_fields=["expires_at", "due"])
    Person.objects.filter(pk=person.pk).update(last_asked=now)
    return ask
