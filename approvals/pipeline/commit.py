"""Commit: the state change, its event and its outbox rows in one transaction (DESIGN 1.3.4)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from approvals import actor_json, clock, policy, registry
from approvals.models import Approval, Effect
from approvals.outbox import seals
from approvals.registry import CommitContext, EffectSpec, Part, Verb
from audit.clock import uuid7
from audit.evidence import row_seals
from audit.recording.actors import Actor, EvidenceRef, Subject, Target
from audit.recording.record import record


@dataclass(frozen=True, slots=True)
class Done:
    """A committed act."""

    event_id: UUID
    effects: tuple[Effect, ...]
    parts: tuple[Target, ...] = ()  # what else was decided on by it


def commit_now(
    *,
    verb: Verb,
    actor: Actor,
    target: Target,
    params: Mapping[str, Any],
    reason: str,
    severity: str,
    operation: str,
    intent_hash: str,
    approval: Approval | None = None,
    approver: Actor | None = None,
    approvers: Sequence[Subject] = (),
    policy_digest: str = "",
    evidence: Sequence[EvidenceRef] = (),
    prepared: Any = None,
) -> Done:
    """Run the verb's local writes and record them; must be called inside a transaction.

    With remote steps the event says `pending`: each step reports its own result later.
    `approvers` are all who approved, where a group's rule needs several.
    """
    context = CommitContext(
        actor=actor,
        target=target,
        params=dict(params),
        reason=reason,
        severity=severity,
        operation=operation,
        approval=str(approval.id) if approval else "",
        intent_hash=intent_hash,
        approver=approver,
        expires_at="",
        prepared=prepared,
    )
    done = verb.commit(context)
    effects = add_effects(
        done.effects,
        verb=verb.name,
        event=verb.event,
        actor=actor,
        target=target,
        operation=operation,
        approval=approval,
        severity=severity,
        intent_hash=intent_hash,
    )
    for part in done.parts:
        effects += record_part(
            part,
            actor=actor,
            operation=operation,
            approval=approval,
            severity=severity,
            intent_hash=intent_hash,
            reason=reason,
            evidence=(*actor.evidence, *evidence),
        )
    private = dict(done.private)
    in_force = approval.policy_digest if approval else policy_digest or policy.policy_digest()
    data = {"verb": verb.name, "steps": len(effects), "policy": in_force, **done.data}
    if approval is not None:  # what was signed is a hash: whoever checks it needs the text
        private["intent"] = approval.intent
    if approver is not None:
        private["approver"] = _named(approver)
    if len(approvers) > 1:
        private["approvers"] = [_named(one) for one in approvers]
    event = record(
        actor,
        verb.event,
        outcome="pending" if effects else "success",
        severity=severity,
        target=target,
        approval=context.approval,
        operation=operation,
        intent_hash=intent_hash,
        reason=reason,
        changes=dict(done.changes) if done.changes else None,
        data=data,
        private=private,
        connection=done.connection,
        evidence=(*actor.evidence, *evidence),
    )
    verb.recorded(context, event.id)
    return Done(event.id, tuple(effects), tuple(part.target for part in done.parts))


def record_part(
    part: Part,
    *,
    actor: Actor,
    operation: str,
    approval: Approval | None,
    severity: str,
    intent_hash: str,
    reason: str,
    evidence: Sequence[EvidenceRef],
) -> list[Effect]:
    """Record one thing of a decision on several; returns its remote steps."""
    event = registry.get(part.verb).event
    effects = add_effects(
        part.effects,
        verb=part.verb,
        event=event,
        actor=actor,
        target=part.target,
        operation=operation,
        approval=approval,
        severity=severity,
        intent_hash=intent_hash,
    )
    record(
        actor,
        event,
        outcome="pending" if effects else "success",
        severity=severity,
        target=part.target,
        approval=str(approval.id) if approval else "",
        operation=operation,
        intent_hash=intent_hash,
        reason=reason,
        data={"verb": part.verb, "steps": len(effects), "one_of_several": True, **part.data},
        private=dict(part.private),
        connection=part.connection,
        evidence=evidence,
    )
    return effects


def _named(person: Actor | Subject) -> dict[str, str]:
    return {"iss": person.iss, "sub": person.sub, "name": person.name or person.email}


def add_effects(
    specs: Sequence[EffectSpec],
    *,
    verb: str,
    event: str,
    actor: Actor,
    target: Target,
    operation: str,
    approval: Approval | None,
    severity: str,
    intent_hash: str = "",
) -> list[Effect]:
    """Outbox rows for remote steps, due now or after their delay."""
    now = clock.now()
    rows = [
        Effect(
            id=uuid7(),
            kind=spec.kind,
            verb=verb,
            event=event,
            operation=operation,
            approval=approval,
            actor=actor_json.to_json(actor) if actor.sub else {},
            target_kind=target.kind,
            target_name=target.name,
            instance=spec.instance,
            label=spec.label,
            severity=severity,
            intent_hash=intent_hash or (approval.intent_hash if approval else ""),
            payload=spec.payload,
            created=now,
            updated=now,
            due=now + timedelta(seconds=spec.delay_s),
        )
        for spec in specs
    ]
    for row in rows:
        row.seal = row_seals.seal(seals.LABEL, seals.said(row))
    Effect.objects.bulk_create(rows)
    return rows
