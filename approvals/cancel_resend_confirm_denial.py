"""What people can do with a waiting approval besides answering it on the phone."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final
from uuid import UUID

from django.db import transaction

from approvals import actor_json, audit_events, clock
from approvals.errors import Refused
from approvals.models import Answer, Approval, Ask, Outcome, Person, Status
from approvals.pipeline import deny_expire_cancel, locks
from approvals.step_up.ask_next_approver import add_ask
from approvals.step_up.take_ciba_or_passkey_answer import LIVE
from audit.models import EventRow
from audit.recording.actors import Actor
from audit.recording.sentences import shown
from audit.search import event_search

AGAIN_MOST: Final = 5
"""How often a request is sent again to one person."""
_IN_THE_PORTAL: Final = "the asked person, in the portal"


class NotYours(Approval.DoesNotExist):
    """It exists, but not for this person: the caller gets the answer of one that does not exist."""


def visible_to(actor: Actor, approval_id: str) -> Approval:
    """The approval, for its requester, the people asked, and roles that may see all.

    Raises:
        Approval.DoesNotExist: it is not there, or not for this person to see.
    """
    approval = Approval.objects.get(pk=_uuid(approval_id))
    if actor.roles & {"auditor", "operator", "admin"}:
        return approval
    is_requester = (approval.requester_iss, approval.requester_sub) == (actor.iss, actor.sub)
    asked = approval.asks.filter(person__iss=actor.iss, person__sub=actor.sub).exists()
    if not (is_requester or asked):
        raise NotYours(approval_id)
    return approval


def cancel(actor: Actor, approval_id: str) -> Approval:
    """Withdraw a request; a later approval on the phone commits nothing.

    Raises:
        Refused: `not_permitted` (only the requester), `closed`.
    """
    with transaction.atomic(durable=True):
        approval = _locked(actor, approval_id)
        if not may_cancel(actor, approval):
            raise Refused("not_permitted", "Only the person who asked can cancel this request.")
        deny_expire_cancel.cancel(approval, actor)
    return approval


def send_again(actor: Actor, approval_id: str) -> Approval:
    """Send the current request again with a fresh code; the older push is superseded.

    Raises:
        Refused: `not_permitted`, `closed`, `nobody_asked`, `asked_too_often`.
    """
    with transaction.atomic(durable=True):
        approval = _locked(actor, approval_id)
        if not may_send_again(actor, approval):
            raise Refused("not_permitted", "Only the person who asked can send this request again.")
        ask = approval.current
        if ask is None:
            raise Refused(
                "nobody_asked", "No one was asked yet; the next on call is asked automatically."
            )
        asks = list(approval.asks.all())
        wanted = _unanswered(approval) or [ask.person]
        again = [person for person in wanted if may_be_asked_again(asks, person.pk)]
        if not again:
            raise Refused(
                "asked_too_often",
                f"This request was already sent again {AGAIN_MOST} times. Contact the approver "
                "another way.",
            )
        for person in again:
            add_ask(approval, person, clock.now())
        audit_events.approval_requested(approval, actor)
    return approval


def confirm_denial(actor: Actor, approval_id: str, reason: str = "") -> Approval:
    """The asked person says in the portal that it was they who denied, and why.

    Where the denial is proven already, a first reason is kept all the same, in a further event.

    Raises:
        Refused: `not_permitted` for anybody else, `nothing_to_confirm`.
    """
    with transaction.atomic(durable=True):
        approval = locks.locked(_uuid(approval_id))
        answered = actor_json.from_json(approval.answered_by)
        if (answered.iss, answered.sub) != (actor.iss, actor.sub):
            raise Refused("not_permitted", "Only the person who was asked can confirm a denial.")
        if approval.outcome == Outcome.DENIED and approval.inferred:
            deny_expire_cancel.confirm_denial(approval, actor, _IN_THE_PORTAL, reason=reason)
        elif reason and may_say_why(actor, approval):
            audit_events.approval_denied(
                approval,
                approval.current,
                actor,
                inferred=False,
                source=_IN_THE_PORTAL,
                reason=reason,
            )
        else:
            raise Refused("nothing_to_confirm", "This denial needs no confirmation.")
    return approval


def _unanswered(approval: Approval) -> list[Person]:
    """Everybody of a group who has not answered yet."""
    asks = approval.asks.filter(state__in=LIVE).select_related("person").order_by("number")
    return [ask.person for ask in asks]


def _locked(actor: Actor, approval_id: str) -> Approval:
    visible_to(actor, approval_id)
    approval = locks.locked(_uuid(approval_id))
    if approval.status != Status.PENDING or approval.answer != Answer.NONE:
        raise Refused("closed", f"This request is already {approval.outcome or approval.status}.")
    return approval


def may_cancel(actor: Actor, approval: Approval) -> bool:
    """Whether this person may withdraw the request: only the one who asked.

    An automatic ask cannot be withdrawn, since that would end a hold that no human decided about.
    """
    return (approval.requester_iss, approval.requester_sub) == (actor.iss, actor.sub)


def may_send_again(actor: Actor, approval: Approval) -> bool:
    """Whether this person may send the push again: the one who asked, or any operator for an
    automatic ask."""
    automatic = not approval.requester_sub
    return may_cancel(actor, approval) or (automatic and "operator" in actor.roles)


def may_be_asked_again(asks: Iterable[Ask], person: int) -> bool:
    """Whether a person was asked less often than `AGAIN_MOST` allows.

    Pushes that went on with a request for its whole time would wear a person down (MFA fatigue);
    the limit of a minute only spreads them.
    """
    return sum(one.person_id == person for one in asks) <= AGAIN_MOST


def may_confirm_denial(actor: Actor, approval: Approval) -> bool:
    """Whether this is the asked person of a denial that only our clock tells."""
    answered = actor_json.from_json(approval.answered_by)
    inferred = approval.outcome == Outcome.DENIED and approval.inferred
    return inferred and (answered.iss, answered.sub) == (actor.iss, actor.sub)


def may_say_why(actor: Actor, approval: Approval) -> bool:
    """Whether this is the person of a proven denial whose reason nobody recorded yet."""
    answered = actor_json.from_json(approval.answered_by)
    if approval.outcome != Outcome.DENIED or approval.inferred or not answered.sub:
        return False
    return (answered.iss, answered.sub) == (actor.iss, actor.sub) and not _has_reason(approval)


def _has_reason(approval: Approval) -> bool:
    rows = EventRow.of_operation(approval.operation).filter(
        approval=str(approval.pk), action="approval.denied"
    )
    return any(shown(event["reason"]) for event in event_search.publics(list(rows)))


def _uuid(text: str) -> UUID:
    try:
        return UUID(str(text))
    except ValueError:
        raise Approval.DoesNotExist(text) from None
