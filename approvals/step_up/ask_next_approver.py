"""Asks: choosing the next person, sending the push, keeping the code that both screens show."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings

from approvals import people_and_roles, policy
from approvals.models import Approval, Ask, AskState, Channel, Person
from approvals.notifications import approver_notices
from approvals.step_up import owner_must_approve_first
from approvals.step_up.binding_codes import new_code
from audit.recording.actors import Actor


def ask_next(approval: Approval, requester: Actor, now: datetime) -> Ask | None:
    """Add an ask to the next person who was not tried yet; None when nobody is left.

    The first approver is asked alone. Everybody of a group is asked at once, so after
    them nobody is left.
    """
    rule = approval.rule
    if owner_must_approve_first.waits_for_first(approval):
        first = None if approval.asks.exists() else owner_must_approve_first.person(approval)
        return add_ask(approval, first, now) if first else None
    if rule["approver"] == "group":
        return _ask_group(approval, requester, now)
    following = queue(approval, requester)
    if not following and approval.single_person and not approval.asks.exists():
        alone = people_and_roles.only_person(roles=rule["approver_roles"], requester=requester)
        following = [alone] if alone else []
    return add_ask(approval, following[0], now) if following else None


def queue(approval: Approval, requester: Actor) -> list[Person]:
    """Who was not tried yet, in the order of asking; of a rule without a group."""
    rule = approval.rule
    return people_and_roles.roster(
        roles=rule["approver_roles"],
        approver=rule["approver"],
        requester=requester,
        tried=approval.asks.values_list("person_id", flat=True),
        order=[(p.iss, p.sub) for p in policy.current().roster],
        channel=rule.get("channel", ""),
    )


def _ask_group(approval: Approval, requester: Actor, now: datetime) -> Ask | None:
    tried = set(approval.asks.values_list("person_id", flat=True))
    if any(
        not owner_must_approve_first.is_first(approval, ask.person) for ask in approval.asks.all()
    ):
        return None
    asked = None
    for person in people_and_roles.group(approval.rule, requester):
        if person.pk in tried:
            continue
        asked = add_ask(approval, person, now)
    return asked


def add_ask(
    approval: Approval, person: Person, now: datetime, *, until: datetime | None = None
) -> Ask:
    """Ask this person with a fresh code until `until`, else for as long as the policy gives.

    Older asks of the approval are superseded, in a group only those to this person. A push that is
    out keeps being polled: an answer to it commits nothing but is recorded.
    """
    older = approval.asks.all()
    if approval.rule["approver"] == "group":
        older = older.filter(person=person)
    older.filter(state=AskState.STARTING).update(state=AskState.SUPERSEDED, due=None)
    older.filter(state=AskState.WAITING).update(state=AskState.SUPERSEDED)
    channel = approval.rule.get("channel") or Channel.CIBA
    given = approval.rule.get("within_s") or settings.STEP_UP_EXPIRY_S
    expires_at = until or now + timedelta(seconds=given)
    pushed = channel != Channel.PASSKEY
    ask = Ask.objects.create(
        approval=approval,
        number=approval.asks.count() + 1,
        person=person,
        code=new_code(),
        channel=channel,
        # Nothing is sent where only a passkey answers: the ask waits at once, until its time is up.
        state=AskState.STARTING if pushed else AskState.WAITING,
        started=None if pushed else now,
        expires_at=expires_at,
        due=now if pushed else expires_at,
    )
    approval.expires_at = ask.expires_at
    approval.due = None
    approval.save(update_fields=["expires_at", "due"])
    Person.objects.filter(pk=person.pk).update(last_asked=now)
    approver_notices.plan(ask, now)
    return ask
