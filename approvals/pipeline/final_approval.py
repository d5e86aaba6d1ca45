"""What the approval of a person does: the last one that a request needs commits its intent."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import transaction

from approvals import actor_json, audit_events, clock, registry
from approvals.errors import Refused
from approvals.models import Answer, Approval, Ask, AskState, Outcome
from approvals.pipeline import deny_expire_cancel, overtaken_requests, recheck
from approvals.pipeline.commit import Done, commit_now
from approvals.step_up import owner_must_approve_first, stored_answer_check
from approvals.step_up.ask_next_approver import ask_next
from audit.recording.actors import Actor, EvidenceRef


def approve(
    approval: Approval,
    ask: Ask,
    person: Actor,
    *,
    signed: bool,
    evidence: Sequence[EvidenceRef],
    channel: str = "ciba",
) -> None:
    """Commit the intent once enough people approved, unless it is no longer true.

    The caller holds a transaction and a lock on `approval`.
    """
    deny_expire_cancel.end_ask(ask, AskState.APPROVED)
    approved = _approvals_of(approval)
    audit_events.approval_approved(
        approval,
        ask,
        person,
        signed=signed,
        evidence=evidence,
        channel=channel,
        number=len(approved),
    )
    enough = len(approved) >= owner_must_approve_first.needed(approval)
    unsigned = not signed and stored_answer_check.several_voices(approval)
    if unsigned or (enough and stored_answer_check.unproven(approval, approved.values(), ask)):
        deny_expire_cancel.fail(
            approval, None, stored_answer_check.UNPROVEN, stored_answer_check.WORDS
        )
        return
    if not enough:
        if broken := overtaken_requests.changed(approval):  # nobody else is asked in vain
            deny_expire_cancel.fail(approval, None, *_why(approval, broken))
        else:
            _go_on(approval, ask)
        return
    approval.answer = Answer.APPROVED
    approval.answered_by = actor_json.to_json(person)
    try:
        registry.get(approval.verb).lock(approval.target, approval.params)
        if broken := recheck.no_longer_true(approval):
            deny_expire_cancel.fail(approval, None, *_why(approval, broken))
            return
        with transaction.atomic():
            done = _commit(approval, person, approved)
            for about in (approval.target, *done.parts):
                overtaken_requests.close(about, winner=approval)
    except Refused as refused:  # the verb finds at the last moment that it cannot be done
        deny_expire_cancel.fail(
            approval, None, refused.code, f"Approved, but it cannot be done: {refused.detail}"
        )
        return
    approval.held = False  # what stays is the committed decision, not the hold
    deny_expire_cancel.close_as(approval, Outcome.APPROVED, event_id=done.event_id)


def _why(approval: Approval, broken: str) -> tuple[str, str]:
    """Code and sentence of what is no longer true."""
    words = "Approved, but what was approved is no longer true."
    if broken == recheck.STATE_CHANGED:
        return overtaken_requests.why(approval, broken, words)
    return broken, words


def _go_on(approval: Approval, ask: Ask) -> None:
    """Bring a request that its first person approved to the others."""
    if not owner_must_approve_first.is_first(approval, ask.person):
        return
    requester = actor_json.from_json(approval.requester)
    if ask_next(approval, requester, clock.now()):
        audit_events.approval_requested(approval, requester)
    else:
        deny_expire_cancel.fail(
            approval, None, "no_approver", "Its owner approved, and no one else could be asked."
        )


def _approvals_of(approval: Approval) -> dict[int, Ask]:
    """Complete asks by person: nobody counts twice, however often they were asked."""
    asks = approval.asks.filter(state=AskState.APPROVED).select_related("person")
    return {ask.person_id: ask for ask in asks.order_by("number")}


def _commit(approval: Approval, person: Actor, approved: dict[int, Ask]) -> Done:
    """Commit as the requester, or as the approver of what a finding asked for."""
    evidence = [
        EvidenceRef(e["kind"], e["digest"])
        for ask in approved.values()
        for answer in ask.answers.values()
        for e in answer["evidence"]
    ]
    return commit_now(
        verb=registry.get(approval.verb),
        actor=recheck.requester_now(approval) if approval.requester_sub else person,
        target=approval.target,
        params=approval.params,
        reason=approval.reason,
        severity=approval.severity,
        operation=approval.operation,
        intent_hash=approval.intent_hash,
        approval=approval,
        approver=person,
        approvers=[ask.person.subject for ask in approved.values()],
        evidence=evidence,
    )
