"""The hold while an approval waits: visible, reversible, lifted only by the request behind it."""

from __future__ import annotations

from uuid import UUID

from django.db import transaction

from approvals import actor_json, registry
from approvals.models import Approval, Status
from approvals.pipeline import locks
from approvals.pipeline.commit import add_effects, commit_now, record_part
from approvals.registry import CommitContext, Committed
from audit.clock import uuid7
from audit.db.process_locks import one_at_a_time
from audit.recording.actors import SYSTEM, Actor, Target
from audit.recording.record import record


def context(approval: Approval, actor: Actor, approver: Actor | None = None) -> CommitContext:
    """What a verb's functions are given about this approval."""
    return CommitContext(
        actor=actor,
        target=approval.target,
        params=approval.params,
        reason=approval.reason,
        severity=approval.severity,
        operation=approval.operation,
        approval=str(approval.id),
        intent_hash=approval.intent_hash,
        approver=approver,
        expires_at=approval.expires_at.isoformat(),
    )


def place_hold(approval: Approval, actor: Actor) -> None:
    """Tighten now, inside the caller's transaction; records `<kind>.held`."""
    verb = registry.get(approval.verb)
    if verb.hold is None:
        return
    done = verb.hold(context(approval, actor))
    approval.held = True
    approval.save(update_fields=["held"])
    _record(approval, actor, done, "held")


def place_hold_again(approval_id: UUID) -> bool:
    """Hold again what a waiting request holds no longer, because of something found since.

    False where it holds still, is answered, or its rule holds nothing.
    """
    with transaction.atomic():
        approval = locks.locked(approval_id)
        waits = approval.status == Status.PENDING and approval.rule.get("while_pending") == "hold"
        if approval.held or not waits:
            return False
        place_hold(approval, SYSTEM)
    return True


def hold_without_request(target: Target, reason: str) -> None:
    """Hold something CRITICAL until an operator releases it, where no request places the hold.

    For the automatic request alone, where nobody can be asked or another request waits that holds
    nothing: a hold is what the request itself would have placed. Records `<kind>.held`.
    """
    with transaction.atomic(durable=True):
        one_at_a_time(f"decide {target.kind} {target.name}")  # as every decision about it
        locks.lock_targets([target])  # an approval that commits has these
        commit_now(
            verb=registry.get(f"{target.kind}.hold"),
            actor=SYSTEM,
            target=target,
            params={},
            reason=reason,
            severity="CRITICAL",
            operation=str(uuid7()),
            intent_hash="",
        )


def release_hold(approval: Approval, actor: Actor, *, by_passkey: bool = False) -> None:
    """Undo exactly what `place_hold` did; nothing when this approval holds nothing.

    Where it takes proof to end the hold, it stays unless the denial was signed with a passkey.
    """
    verb = registry.get(approval.verb)
    if not approval.held or verb.release is None:
        return
    if not by_passkey and verb.needs_proof(approval.target):
        return
    done = verb.release(context(approval, actor))
    approval.held = False
    approval.save(update_fields=["held"])
    if done is not None:
        _record(approval, actor, done, "released")


def _record(approval: Approval, actor: Actor, done: Committed, past: str) -> None:
    family = {"connection": {"held": "connection.suspended", "released": "connection.resumed"}}
    action = family.get(approval.target_kind, {}).get(past, f"{approval.target_kind}.{past}")
    effects = add_effects(
        done.effects,
        verb=approval.verb,
        event=action,
        actor=actor,
        target=approval.target,
        operation=approval.operation,
        approval=approval,
        severity=approval.severity,
    )
    evidence = actor_json.from_json(approval.requester).evidence
    for part in done.parts:
        effects += record_part(
            part,
            actor=actor,
            operation=approval.operation,
            approval=approval,
            severity=approval.severity,
            intent_hash=approval.intent_hash,
            reason=approval.reason,
            evidence=evidence,
        )
    record(
        actor,
        action,
        outcome="pending" if effects else "success",
        severity=approval.severity,
        target=approval.target,
        approval=str(approval.id),
        operation=approval.operation,
        intent_hash=approval.intent_hash,
        reason=approval.reason,
        data={"until": approval.expires_at.isoformat(), **done.data},
        private=dict(done.private),
        connection=done.connection,
        evidence=evidence,
    )
