"""Approval requests of a person who leaves: an admin withdraws what the leaver requested, and sends
what the leaver was asked to approve to a colleague.

Neither relaxes a restriction. A request that places a hold is not withdrawn, because that would end
the hold, and a colleague is asked only where the policy lets them approve.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import transaction

from approvals import audit_events, cancel_resend_confirm_denial, clock, people_and_roles
from approvals.errors import Refused
from approvals.models import Answer, Approval, Ask, AskState, Person, Status
from approvals.pipeline import deny_expire_cancel, locks, recheck
from approvals.step_up import owner_must_approve_first
from approvals.step_up.ask_next_approver import add_ask
from approvals.step_up.take_ciba_or_passkey_answer import LIVE
from audit.recording.actors import Actor


def withdraw(admin: Actor, approval: Approval, leaver: Person) -> Approval:
    """Withdraw a request of somebody who leaves; a later approval of it commits nothing.

    Raises:
        Refused: `not_permitted`, `closed`, `held_by_request`.
    """
    with transaction.atomic(durable=True):
        found = _locked(admin, approval, leaver)
        if (found.requester_iss, found.requester_sub) != (leaver.iss, leaver.sub):
            raise Refused("not_permitted", "This request is another person's.")
        if why := why_not_withdrawn(found):
            raise Refused("held_by_request", why)
        deny_expire_cancel.cancel(found, admin)
    return found


def why_not_withdrawn(approval: Approval) -> str:
    """Why a request has to be answered; empty where it may be withdrawn."""
    if approval.held:
        return "It holds what it is about: withdrawing it would end that hold."
    return ""


def reassign(admin: Actor, approval: Approval, leaver: Person, colleague: Person) -> Approval:
    """Ask a colleague in the place of somebody who leaves; the older push answers nothing more.

    Raises:
        Refused: `not_permitted`, `closed`, `no_approver`.
    """
    with transaction.atomic(durable=True):
        found = _locked(admin, approval, leaver)
        if why := why_not_reassigned(found, leaver, colleague):
            raise Refused("no_approver", why)
        add_ask(found, colleague, clock.now())
        audit_events.approval_requested(found, admin)
    return found


def why_not_reassigned(approval: Approval, leaver: Person, colleague: Person) -> str:
    """Why a colleague cannot be asked in the place of a leaver; empty where they can."""
    asks = list(approval.asks.select_related("person").order_by("number"))
    if not _waits_for(asks, leaver):
        return "It no longer waits for them."
    rule = approval.rule
    if rule["approver"] == "group":
        return "Everyone else of its group was asked already."
    if rule["approver"] == "self" or owner_must_approve_first.waits_for_first(approval):
        return "Only they can answer it; it ends when its time is over."
    requester = (approval.requester_iss, approval.requester_sub)
    if colleague.pk == leaver.pk or (colleague.iss, colleague.sub) == requester:
        return f"{colleague} asked for it." if colleague.pk != leaver.pk else "They leave."
    if not recheck.may_approve(rule, colleague):
        return f"The policy does not let {colleague} approve it."
    if _has_approved(asks, colleague):
        return f"{colleague} approved it already."
    if not _can_answer(rule, colleague):
        return f"It needs a passkey, and {colleague} has none that counts."
    if not cancel_resend_confirm_denial.may_be_asked_again(asks, colleague.pk):
        return f"{colleague} was asked too often."
    return ""


def _waits_for(asks: list[Ask], leaver: Person) -> bool:
    return any(one.person_id == leaver.pk and one.state in LIVE for one in asks)


def _has_approved(asks: list[Ask], person: Person) -> bool:
    """Whether they did: an owner who approves first is not also the second person."""
    return any(one.person_id == person.pk and one.state == AskState.APPROVED for one in asks)


def _can_answer(rule: Mapping[str, Any], person: Person) -> bool:
    needed = rule["channel"] in people_and_roles.NEEDS_PASSKEY
    return not needed or bool(people_and_roles.with_passkeys([person]))


def _locked(admin: Actor, approval: Approval, leaver: Person) -> Approval:
    """The request, locked, for an admin who is not the one who leaves."""
    if "admin" not in admin.roles or (admin.iss, admin.sub) == (leaver.iss, leaver.sub):
        raise Refused("not_permitted", "Only another admin can take a person's requests over.")
    found = locks.locked(approval.pk)
    if found.status != Status.PENDING or found.answer != Answer.NONE:
        raise Refused("closed", f"This request is already {found.outcome or found.status}.")
    return found
