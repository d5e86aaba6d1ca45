"""How an approval ends: each outcome does exactly what its policy said it would (DESIGN 1.3.5)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction

from approvals import (
    actors,
    audit_events,
    clock,
    people,
    policy,
    registry,
)
from approvals.errors import Refused
from approvals.models import (
    Answer,
    Approval,
    Ask,
    AskState,
    Channel,
    Outcome,
    Person,
    Status,
)
from approvals.pipeline import (
    conflicts,
    intent,
    recheck,
)
from approvals.pipeline.commit import Done, commit_now
from approvals.pipeline.holds import release_hold
from approvals.step_up import (
    answer_verification,
    first_approver,
)
from approvals.step_up.recipients import ask_next
from audit.recording.actors import Actor, EvidenceRef, Target
from audit.recording.record import record

EVIDENCE_SOUGHT_FOR = timedelta(hours=24)
STATE_CHANGED = "state_changed"


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
    _end_ask(ask, AskState.APPROVED)
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
    enough = len(approved) >= first_approver.needed(approval)
    unsigned = not signed and answer_verification.several_voices(approval)
    if unsigned or (enough and answer_verification.unproven(approval, approved.values(), ask)):
        fail(approval, None, answer_verification.UNPROVEN, answer_verification.WORDS)
        return
    if not enough:
        _go_on(approval, ask)
        return
    approval.answer = Answer.APPROVED
    approval.answered_by = actors.to_json(person)
    try:
        registry.get(approval.verb).lock(_target(approval), approval.params)
        if broken := no_longer_true(approval, person):
            fail(approval, None, *_why(approval, broken))
            return
        with transaction.atomic():
            done = _commit(approval, person, approved)
            for about in (_target(approval), *done.parts):
                conflicts.close(about, winner=approval)
    except Refused as refused:  # the verb finds at the last moment that it cannot be done
        fail(approval, None, refused.code, f"Approved, but it cannot be done: {refused.detail}")
        return
    approval.held = False  # what stays is the committed decision, not the hold
    _close(approval, Outcome.APPROVED, event_id=done.event_id)


def _why(approval: Approval, broken: str) -> tuple[str, str]:
    """Code and sentence of what is no longer true."""
    words = "Approved, but what was approved is no longer true."
    if broken == STATE_CHANGED:
        return conflicts.why(approval, broken, words)
    return broken, words


def _go_on(approval: Approval, ask: Ask) -> None:
    """Bring a request that its first person approved to the others."""
    if not first_approver.is_first(approval, ask.person):
        return
    requester = actors.from_json(approval.requester)
    if ask_next(approval, requester, clock.now()):
        audit_events.approval_requested(approval, requester)
    else:
        fail(approval, None, "no_approver", "Its owner approved, and nobody else could be asked.")


def _approvals_of(approval: Approval) -> dict[int, Ask]:
    """Complete asks by person: nobody counts twice, however often they were asked."""
    asks = approval.asks.filter(state=AskState.APPROVED).select_related("person")
    return {ask.person_id: ask for ask in asks.order_by("number")}


def _commit(approval: Approval, person: Actor, approved: dict[int, Ask]) -> Done:
    """Commit as the requester, or as whoever approved what a finding asked for."""
    evidence = [
        EvidenceRef(e["kind"], e["digest"])
        for ask in approved.values()
        for answer in ask.answers.values()
        for e in answer["evidence"]
    ]
    return commit_now(
        verb=registry.get(approval.verb),
        actor=_requester_now(approval) if approval.requester_sub else person,
        target=_target(approval),
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


def no_longer_true(approval: Approval, approver: Actor) -> str:
    """The code of what changed since the intent was made; empty when nothing did."""
    if differs := recheck.broken(approval):
        return differs
    verb, target = registry.get(approval.verb), _target(approval)
    if approval.policy_digest != policy.policy_digest():
        return "policy_changed"
    if approval.state_digest != intent.digest(dict(verb.look(target, approval.params))):
        return STATE_CHANGED
    if approval.requester_sub:
        asked = people.find(approval.requester_iss, approval.requester_sub)
        if asked is None or not policy.may(_requester_now(approval), verb, target):
            return "requester_lost_role"
    return _rule_broken(approval)


_WHO = ("kind", "approver", "channel", "approver_roles", "count", "group", "people", "first")


def _rule_broken(approval: Approval) -> str:
    """Whether the rule that is kept with the request is the one that applies, and was kept to.

    The policy is the same here, so another rule means other roles, or an altered row.
    """
    requester = _requester_now(approval)
    verb, target = registry.get(approval.verb), _target(approval)
    applies = policy.decide(requester, verb, target, approval.severity).as_json()
    if any(applies[name] != approval.rule.get(name) for name in _WHO):
        return "rule_changed"
    asks = approval.asks.filter(state=AskState.APPROVED).select_related("person")
    approvers = {(ask.person.iss, ask.person.sub): ask.person for ask in asks}
    if broken := first_approver.broken(approval, approvers, applies, requester):
        return broken
    own = (requester.iss, requester.sub)
    if applies["approver"] == "self":
        return "approver_is_another" if set(approvers) - {own} else ""
    if not all(_may_approve(applies, person) for person in approvers.values()):
        return "approver_lost_role"
    if own in approvers and first_approver.another_could(applies, requester):
        return "approver_is_requester"
    return ""


def _requester_now(approval: Approval) -> Actor:
    """The requester with the roles held now; the system where a finding asked."""
    if not approval.requester_sub:
        return actors.from_json({})
    known = people.find(approval.requester_iss, approval.requester_sub)
    roles = frozenset(known.roles) if known else frozenset()
    return replace(actors.from_json(approval.requester), roles=roles)


def _may_approve(rule: dict[str, Any], person: Person) -> bool:
    """Whether somebody has a role for it still, and is in the group where one is asked."""
    wanted, named = set(rule["approver_roles"]), rule["people"]
    in_group = not named or {"iss": person.iss, "sub": person.sub} in named
    return in_group and (not wanted or bool(wanted & set(person.roles)))


def _target(approval: Approval) -> Target:
    return Target(approval.target_kind, approval.target_name, approval.target_instance)


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
    _end_ask(ask, AskState.DENIED)
    approval.answer, approval.inferred = Answer.DENIED, inferred
    approval.answered_by = actors.to_json(person)
    event_id = audit_events.approval_denied(
        approval,
        ask,
        person,
        inferred=inferred,
        source=source,
        channel=channel,
        evidence=evidence,
        reason=reason,
    )
    if inferred:
        approval.evidence_sought_until = now + EVIDENCE_SOUGHT_FOR
    else:
        after_denial(approval, person, reason)
    _close(approval, Outcome.DENIED, event_id=event_id)
    if inferred:
        approval.due = now
        approval.save(update_fields=["due"])


def confirm_denial(approval: Approval, person: Actor, source: str, *, reason: str = "") -> None:
    """An inferred denial got its evidence: a tenant log line, or the person in the portal."""
    approval.inferred = False
    approval.evidence_sought_until = None
    approval.due = None
    approval.answered_by = actors.to_json(person)
    approval.event_id = audit_events.approval_denied(
        approval, approval.current, person, inferred=False, source=source, reason=reason
    )
    after_denial(approval, person, reason)
    approval.save()


def after_denial(approval: Approval, person: Actor, reason: str = "") -> None:
    """`on_denial`: the hold ends; an automatic ask that was refused is a logged override."""
    if approval.rule["on_denial"] == "release":
        release_hold(approval, person)
    if approval.requester_sub:
        return
    record(
        person,
        f"{approval.target_kind}.override_logged",
        outcome="denied",
        severity=approval.severity,
        target=Target(approval.target_kind, approval.target_name, approval.target_instance),
        approval=str(approval.id),
        operation=approval.operation,
        intent_hash=approval.intent_hash,
        reason=reason or approval.reason,
        data={"verb": approval.verb, "not_committed": True},
    )


def expire(approval: Approval, ask: Ask, *, source: str, now: datetime) -> None:
    """Ask the next person; with nobody left, close as expired and keep or release the hold.

    While enough others of a group may still approve, the request waits for them.
    """
    _end_ask(ask, AskState.EXPIRED)
    if enough_left(approval):
        audit_events.ask_expired(approval, ask, next_person=False, source=source, others_wait=True)
        return
    following = None
    if approval.rule.get("escalate", True) and not first_approver.waits_for_first(approval):
        following = ask_next(approval, actors.from_json(approval.requester), now)
    event_id = audit_events.ask_expired(
        approval, ask, next_person=following is not None, source=source
    )
    if following is not None:
        audit_events.approval_requested(approval, actors.from_json(approval.requester))
        return
    if approval.rule["on_expiry"] == "release":
        release_hold(approval, actors.from_json({}))
    _close(approval, Outcome.EXPIRED, event_id=event_id)


def enough_left(approval: Approval) -> bool:
    """Whether the people who approved or still may are as many as a group's rule needs."""
    if approval.rule.get("approver") != "group":
        return False
    states = [AskState.STARTING, AskState.WAITING, AskState.APPROVED]
    people_ = approval.asks.filter(state__in=states).values("person").distinct().count()
    return people_ >= first_approver.needed(approval)


def fail(approval: Approval, ask: Ask | None, code: str, detail: str) -> None:
    """Close as failed: nothing commits, a hold stays until somebody decides."""
    if ask is not None:
        _end_ask(ask, AskState.FAILED, f"{code}: {detail}")
    event_id = audit_events.approval_failed(approval, ask, code, detail)
    approval.outcome_code, approval.outcome_detail = code, detail[:500]
    _close(approval, Outcome.FAILED, event_id=event_id)


def cancel(approval: Approval, actor: Actor) -> None:
    """Withdraw the request here; the hold that it placed ends."""
    approval.asks.filter(state__in=[AskState.STARTING]).update(state=AskState.CANCELLED, due=None)
    event_id = audit_events.approval_cancelled(approval, actor)
    release_hold(approval, actor)
    _close(approval, Outcome.CANCELLED, event_id=event_id)


def _end_ask(ask: Ask, state: AskState, detail: str = "") -> None:
    """A push that was overtaken by a passkey stays listened to: a late answer is recorded."""
    ask.state, ask.detail = state, detail[:300]
    pushed = ask.channel in {Channel.BOTH, Channel.EITHER} and "ciba" not in ask.answers
    if not pushed or state in {AskState.EXPIRED, AskState.FAILED}:
        ask.due = None
    ask.save(update_fields=["state", "detail", "due"])


def _close(approval: Approval, outcome: Outcome, *, event_id: UUID) -> None:
    approval.status, approval.outcome = Status.CLOSED, outcome
    approval.event_id, approval.closed, approval.due = event_id, clock.now(), None
    approval.open_key = ""
    approval.save()
