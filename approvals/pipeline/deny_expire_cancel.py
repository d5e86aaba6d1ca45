"""Denials, expiries, failures and cancellations of approval requests, each as the policy in force
when it was made says (DESIGN 1.3.5)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from approvals import (
    actor_json,
    audit_events,
    clock,
    people_and_roles,
    registry,
)
from approvals.models import (
    Answer,
    Approval,
    Ask,
    AskState,
    Channel,
    Outcome,
    Status,
)
from approvals.pipeline import recheck
from approvals.pipeline.target_holds import release_hold
from approvals.step_up import owner_must_approve_first, rate_limit
from approvals.step_up.ask_next_approver import ask_next
from audit.ledger.signed_intent_match import CARRIED_OUT_WITHIN
from audit.recording.actors import Actor, EvidenceRef
from audit.recording.record import record

EVIDENCE_SOUGHT_FOR = timedelta(hours=24)


def deny(
    approval: Approval,
    ask: Ask,
    person: Actor,
    *,
    inferred: bool,
    source: str,
    now: datetime,
    channel: str = "ciba",
    evidence: Sequence[EvidenceRef] = (),
    reason: str = "",
) -> None:
    """Close as denied, for the `reason` that the person typed; a hold ends only on evidence."""
    end_ask(ask, AskState.DENIED)
    kept = "" if inferred else _kept(approval, "on_denial")
    approval.answer, approval.inferred = Answer.DENIED, inferred
    approval.answered_by = actor_json.to_json(person)
    event_id = audit_events.approval_denied(
        approval,
        ask,
        person,
        inferred=inferred,
        source=source,
        channel=channel,
        evidence=evidence,
        reason=reason,
        kept=kept,
    )
    if inferred:
        approval.evidence_sought_until = now + EVIDENCE_SOUGHT_FOR
    else:
        after_denial(approval, person, reason, kept=kept, by_passkey=channel == "passkey")
    close_as(approval, Outcome.DENIED, event_id=event_id)
    if inferred:
        approval.due = now
        approval.save(update_fields=["due"])


def confirm_denial(approval: Approval, person: Actor, source: str, *, reason: str = "") -> None:
    """An inferred denial got its evidence: a tenant log line, or the person in the portal."""
    kept = _kept(approval, "on_denial")
    approval.inferred = False
    approval.evidence_sought_until = None
    approval.due = None
    approval.answered_by = actor_json.to_json(person)
    approval.event_id = audit_events.approval_denied(
        approval, approval.current, person, inferred=False, source=source, reason=reason, kept=kept
    )
    after_denial(approval, person, reason, kept=kept)
    approval.save()


def confirming_ends_hold(approval: Approval, person: Actor) -> bool:
    """Whether `confirm_denial` by this person would end the hold."""
    releases = approval.held and approval.rule.get("on_denial") == "release"
    proof = registry.get(approval.verb).needs_proof(approval.target)
    return releases and not proof and _may_answer_still(approval, person)


def waits_for_signed_denial(approval: Approval, person: Actor) -> bool:
    """Whether this person denied it, and may sign that with a passkey now, which ends its hold."""
    if clock.now() > signed_denial_until(approval):
        return False
    ends = approval.rule.get("on_denial") == "release" and approval.held
    mine = (approval.answered_by.get("iss"), approval.answered_by.get("sub")) == (
        person.iss,
        person.sub,
    )
    denied = approval.outcome == Outcome.DENIED and not approval.inferred
    if not (denied and ends and mine):
        return False
    proof = registry.get(approval.verb).needs_proof(approval.target)
    return proof and _may_answer_still(approval, person)


def signed_denial_until(approval: Approval) -> datetime:
    """Until when a denial may be signed; an outpost refuses one that was recorded later."""
    return rate_limit.not_after(approval) + CARRIED_OUT_WITHIN


def sign_denial(
    approval: Approval,
    ask: Ask,
    person: Actor,
    evidence: Sequence[EvidenceRef],
    reason: str = "",
) -> None:
    """Record that who denied it signed that with a passkey, which ends the hold."""
    kept = _kept(approval, "on_denial")
    audit_events.approval_denied(
        approval,
        ask,
        person,
        inferred=False,
        source="the asked person's passkey",
        channel="passkey",
        evidence=evidence,
        reason=reason,
        kept=kept,
    )
    if not kept:
        release_hold(approval, person, by_passkey=True)


def after_denial(
    approval: Approval, person: Actor, reason: str = "", *, kept: str, by_passkey: bool = False
) -> None:
    """`on_denial`: the hold ends; an automatic ask that was refused is a logged override.

    Neither where the person lost the role since they were asked. The hold stays where `kept` says
    why.
    """
    if not _may_answer_still(approval, person):
        return
    if approval.rule["on_denial"] == "release" and not kept:
        release_hold(approval, person, by_passkey=by_passkey)
    if approval.requester_sub:
        return
    record(
        person,
        f"{approval.target_kind}.override_logged",
        outcome="denied",
        severity=approval.severity,
        target=approval.target,
        approval=str(approval.id),
        operation=approval.operation,
        intent_hash=approval.intent_hash,
        reason=reason or approval.reason,
        data={"verb": approval.verb, "not_committed": True},
    )


def _kept(approval: Approval, rule: str = "") -> str:
    """Why the hold stays that would end now; empty where it ends, or none would end.

    Args:
        rule: the column of the rule by which it would end; empty where it is withdrawn.
    """
    if not approval.held or (rule and approval.rule.get(rule) != "release"):
        return ""
    return recheck.why_hold_stays(approval, by_rule=bool(rule))


def _may_answer_still(approval: Approval, person: Actor) -> bool:
    """Whether somebody who was asked may answer now: also without a role about what is theirs."""
    own = (approval.requester_iss, approval.requester_sub) == (person.iss, person.sub)
    asked_themselves = own and approval.rule.get("approver") == "self"
    is_first = owner_must_approve_first.is_first(approval, person)
    return asked_themselves or is_first or _has_role_for_it(approval, person)


def _has_role_for_it(approval: Approval, person: Actor) -> bool:
    known = people_and_roles.find(person.iss, person.sub)
    return known is not None and recheck.may_approve(approval.rule, known)


def expire(approval: Approval, ask: Ask, *, source: str, now: datetime) -> None:
    """Ask the next person; with nobody left, close as expired and keep or release the hold.

    While enough others of a group may still approve, the request waits for them.
    """
    end_ask(ask, AskState.EXPIRED)
    if enough_left(approval):
        audit_events.ask_expired(approval, ask, next_person=False, source=source, others_wait=True)
        return
    following = None
    if approval.rule.get("escalate", True) and not owner_must_approve_first.waits_for_first(
        approval
    ):
        following = ask_next(approval, actor_json.from_json(approval.requester), now)
    kept = _kept(approval, "on_expiry") if following is None else ""
    event_id = audit_events.ask_expired(
        approval, ask, next_person=following is not None, source=source, kept=kept
    )
    if following is not None:
        audit_events.approval_requested(approval, actor_json.from_json(approval.requester))
        return
    if approval.rule["on_expiry"] == "release" and not kept:
        release_hold(approval, actor_json.from_json({}))
    close_as(approval, Outcome.EXPIRED, event_id=event_id)


def enough_left(approval: Approval) -> bool:
    """Whether the people who approved or still may are as many as a group's rule needs."""
    if approval.rule.get("approver") != "group":
        return False
    states = [AskState.STARTING, AskState.WAITING, AskState.APPROVED]
    people_ = approval.asks.filter(state__in=states).values("person").distinct().count()
    return people_ >= owner_must_approve_first.needed(approval)


def fail(approval: Approval, ask: Ask | None, code: str, detail: str) -> None:
    """Close as failed: nothing commits, a hold stays until somebody decides."""
    if ask is not None:
        end_ask(ask, AskState.FAILED, f"{code}: {detail}")
    event_id = audit_events.approval_failed(approval, ask, code, detail)
    approval.outcome_code, approval.outcome_detail = code, detail[:500]
    close_as(approval, Outcome.FAILED, event_id=event_id)


def cancel(approval: Approval, actor: Actor) -> None:
    """Withdraw the request here; the hold that it placed ends, unless its row was altered."""
    kept = _kept(approval)
    approval.asks.filter(state__in=[AskState.STARTING]).update(state=AskState.CANCELLED, due=None)
    event_id = audit_events.approval_cancelled(approval, actor, kept=kept)
    if not kept:
        release_hold(approval, actor)
    close_as(approval, Outcome.CANCELLED, event_id=event_id)


def end_ask(ask: Ask, state: AskState, detail: str = "") -> None:
    """End one ask; a push that a passkey overtook is still polled, so a late answer is recorded."""
    ask.state, ask.detail = state, detail[:300]
    pushed = ask.channel in {Channel.BOTH, Channel.EITHER} and "ciba" not in ask.answers
    if not pushed or state in {AskState.EXPIRED, AskState.FAILED}:
        ask.due = None
    ask.save(update_fields=["state", "detail", "due"])


def close_as(approval: Approval, outcome: Outcome, *, event_id: UUID) -> None:
    """Close the request with an outcome and the event that records it."""
    approval.status, approval.outcome = Status.CLOSED, outcome
    approval.event_id, approval.closed, approval.due = event_id, clock.now(), None
    approval.open_key = ""
    approval.save()
