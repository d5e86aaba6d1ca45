"""Facts about approvals on the trail: requested, approved, denied, expired, failed, cancelled."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from approvals.models import Approval, Ask, Status
from approvals.step_up import owner_must_approve_first
from audit.recording.actors import SYSTEM, Actor, EvidenceRef, Subject
from audit.recording.record import record

HOLD_RULE: Final = ("while_pending", "on_denial", "on_expiry")
"""What the rule of a request says of its hold."""


def approval_requested(approval: Approval, actor: Actor) -> UUID:
    """An intent was put to a person (or to nobody yet), and how its hold ends."""
    rule = {name: approval.rule.get(name, "") for name in HOLD_RULE}
    return _write(
        "approval.requested",
        approval,
        actor,
        outcome="pending",
        ask=approval.current,
        data={"hold_rule": rule} if rule["while_pending"] == "hold" else {},
    )


def approval_approved(
    approval: Approval,
    ask: Ask,
    person: Actor,
    *,
    signed: bool,
    evidence: Sequence[EvidenceRef],
    channel: str = "ciba",
    waits: str = "",
    number: int = 1,
) -> UUID:
    """The asked person approved this very intent over one channel.

    `waits` names the channel that has yet to; `number` is how many people have approved by now.
    """
    return _write(
        "approval.approved",
        approval,
        person,
        outcome="success",
        ask=ask,
        evidence=evidence,
        data={
            "details_signed": signed,
            "single_person": approval.single_person,
            "channel": channel,
            **({"waits_for": waits} if waits else {}),
            **_of_several(approval, 0 if waits else number),
        },
    )


def _of_several(approval: Approval, number: int) -> dict[str, int]:
    needed = owner_must_approve_first.needed(approval)
    return {"approved": number, "needed": needed} if needed > 1 and number else {}


def approval_denied(
    approval: Approval,
    ask: Ask | None,
    person: Actor,
    *,
    inferred: bool,
    source: str,
    channel: str = "ciba",
    evidence: Sequence[EvidenceRef] = (),
    reason: str = "",
    kept: str = "",
) -> UUID:
    """The asked person refused, for their own `reason`; `inferred` while only our clock says so.

    `kept` is the code of why its hold stays although the rule of the row says that it ends.
    """
    actor = SYSTEM if inferred else person
    return _write(
        "approval.denied",
        approval,
        actor,
        outcome="denied",
        ask=ask,
        data={
            "inferred": inferred,
            "known_from": source,
            "channel": channel,
            **({"single_person": True} if approval.single_person else {}),
            **_hold_kept(kept),
        },
        evidence=evidence,
        reason=reason,
    )


def _hold_kept(kept: str) -> dict[str, str]:
    return {"hold_kept": kept} if kept else {}


def ask_expired(
    approval: Approval,
    ask: Ask,
    *,
    next_person: bool,
    source: str,
    others_wait: bool = False,
    kept: str = "",
) -> UUID:
    """Nobody answered this ask in time; `others_wait` when others of a group still may."""
    return _write(
        "approval.expired",
        approval,
        SYSTEM,
        outcome="expired",
        ask=ask,
        data={
            "next_person_asked": next_person,
            "known_from": source,
            "hold_stays": approval.held,
            **({"others_asked": True} if others_wait else {}),
            **_hold_kept(kept),
        },
    )


def approval_failed(approval: Approval, ask: Ask | None, code: str, detail: str) -> UUID:
    """The step-up could not be completed; nothing was committed."""
    return _write(
        "approval.failed",
        approval,
        SYSTEM,
        outcome="failure",
        ask=ask,
        data={"failure": code},
        private={"detail": detail},
    )


def approval_cancelled(approval: Approval, actor: Actor, *, kept: str = "") -> UUID:
    """Withdrawn here; Auth0 cannot take a push back, so a later answer commits nothing."""
    return _write(
        "approval.cancelled",
        approval,
        actor,
        outcome="cancelled",
        ask=approval.current,
        data=_hold_kept(kept),
    )


def answered_too_late(approval: Approval, ask: Ask, person: Actor, answer: str) -> UUID:
    """An answer that arrived after the approval was closed; it commits nothing."""
    return _write(
        "approval.failed",
        approval,
        person,
        outcome="failure",
        ask=ask,
        data={
            "failure": "answered_after_close",
            "answer": answer,
            "closed_as": approval.outcome or ask.state,
        },
    )


def answer_refused(approval: Approval, ask: Ask, person: Actor, code: str, answer: str) -> UUID:
    """An answer that was not taken, by the wrong person or way; what waits goes on waiting."""
    return _write(
        "approval.failed",
        approval,
        person,
        outcome="failure",
        ask=ask,
        data={"failure": code, "answer": answer, "still_waits": _waits(approval)},
    )


def _waits(approval: Approval) -> bool:
    return approval.status == Status.PENDING


def _write(
    action: str,
    approval: Approval,
    actor: Actor,
    *,
    outcome: str,
    ask: Ask | None,
    data: dict[str, Any] | None = None,
    private: dict[str, Any] | None = None,
    evidence: Sequence[EvidenceRef] = (),
    reason: str | None = None,
) -> UUID:
    asked: Subject | None = ask.person.subject if ask else None
    private = {"sentence": approval.sentence, "intent": approval.intent, **(private or {})}
    for name in ("if_approved", "risk", "account", "requested_by"):
        if said := getattr(approval, name):
            private[name] = said
    if asked:
        private["asked"] = {"iss": asked.iss, "sub": asked.sub, "name": asked.name or asked.email}
    event = record(
        actor,
        action,
        outcome=outcome,
        severity=approval.severity,
        target=approval.target,
        approval=str(approval.id),
        operation=approval.operation,
        intent_hash=approval.intent_hash,
        reason=approval.reason if reason is None else reason,
        data={
            "verb": approval.verb,
            "code": ask.code if ask else "",
            "ask": ask.number if ask else 0,
            "policy": approval.policy_digest,
            **(data or {}),
        },
        private=private,
        evidence=(*actor.evidence, *evidence),
    )
    return event.id
