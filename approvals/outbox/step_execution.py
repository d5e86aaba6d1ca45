"""Running the outbox: each remote step ends done, failed or unknown-then-read-back."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import timedelta

from django.db import transaction
from django.db.models import Q, QuerySet

from approvals import actor_json, clock, registry
from approvals.models import Effect, EffectState
from approvals.outbox import seals, step_success_in_log
from approvals.registry import EffectResult, EffectRun
from audit.recording.actors import Target
from audit.recording.record import record

log = logging.getLogger(__name__)

_BACKOFF_S = (1, 2, 5, 15, 60, 300, 900)
MAX_ATTEMPTS = 40
TRIED_FOR = timedelta(days=7)
"""A weekend without a gateway must not end its steps: both limits have to be reached."""


def run(effect: Effect) -> None:
    """Call the handler of one due step and store what came of it with its event.

    A step that nobody committed so, or of which the log has a success, is refused.
    """
    if not seals.is_sealed(effect) or step_success_in_log.has_success(effect):
        seals.refuse(effect)
        return
    attempt = effect.attempts + 1
    try:
        handle = registry.handler(effect.kind)
    except LookupError:
        settle(effect, EffectResult("failed", f"no handler for {effect.kind}"), attempt)
        return
    run = EffectRun(
        effect_id=str(effect.id),
        attempt=attempt,
        operation=effect.operation,
        approval=str(effect.approval_id or ""),
        instance=effect.instance,
    )
    # Before the call: when this process dies in it, the next one knows that it may have been heard.
    Effect.objects.filter(pk=effect.pk).update(attempts=attempt)
    try:
        result = handle(effect.payload, run)
    except Exception as error:
        # A bug in one handler must not stop the sweep; the step stays and says what happened.
        log.exception("effect %s failed", effect.kind)
        result = EffectResult("unknown", f"{type(error).__name__}: being checked")
    settle(effect, result, attempt)


_SETTLED = ("state", "detail", "attempts", "updated", "lease", "due")
"""What a run writes; what an erasure emptied meanwhile stays empty."""


def settle(effect: Effect, result: EffectResult, attempt: int) -> None:
    """Write a step's new state; a final state is a separate event, in the same transaction.

    Nothing is written when the lease is no longer ours: the worker that took the step over writes
    its end. A step that became due again while its handler ran stays due: the cause may be newer.
    """
    now, lease, due = clock.now(), effect.lease, effect.due
    before = (effect.state, effect.detail)
    effect.attempts = attempt if result.tried else attempt - 1
    effect.updated, effect.lease = now, None
    unsure = before[0] == EffectState.UNKNOWN and result.state == "pending"
    # What may have been done stays unknown until somebody could look.
    effect.state = EffectState.UNKNOWN if unsure else EffectState(result.state)
    effect.detail = result.detail[:500]
    unfinished = result.state in {"pending", "unknown"}
    if (
        unfinished
        and result.tried
        and attempt >= MAX_ATTEMPTS
        and now - effect.created >= TRIED_FOR
    ):
        effect.state = EffectState.FAILED
    final = effect.state in {EffectState.DONE, EffectState.FAILED}
    wait = result.retry_in_s if result.retry_in_s is not None else _backoff(attempt)
    effect.due = None if final else now + timedelta(seconds=wait)
    with transaction.atomic(durable=True):
        stored = Effect.objects.select_for_update().filter(pk=effect.pk, lease=lease).first()
        if stored is None:
            log.warning("effect %s took longer than its lease", effect.kind)
            return
        if not final and stored.due is not None and stored.due != due:
            effect.due = stored.due
        effect.save(update_fields=_SETTLED)
        if final and before != (effect.state, effect.detail):
            _record(effect, result)


def again(found: QuerySet[Effect]) -> bool:
    """Have steps that are not done tried at once; False when a worker holds them all.

    One that failed is looked at before it is repeated: its next try is never the first.
    """
    now = clock.now()
    free = found.exclude(state=EffectState.DONE).filter(Q(lease=None) | Q(lease__lt=now))
    failed = free.filter(state=EffectState.FAILED)
    reopened = failed.update(state=EffectState.UNKNOWN, attempts=1, due=now, updated=now)
    waiting = free.filter(state__in=[EffectState.PENDING, EffectState.UNKNOWN])
    return bool(waiting.update(due=now) or reopened)


def _backoff(attempt: int) -> float:
    return _BACKOFF_S[min(attempt, len(_BACKOFF_S)) - 1]


def _record(effect: Effect, result: EffectResult) -> None:
    done = effect.state == EffectState.DONE
    # Whose act it is, but reported by the worker: a decision is counted once, not once a step.
    actor = replace(actor_json.from_json(effect.actor), via="task")
    record(
        actor,
        effect.event,
        outcome="success" if done else "failure",
        severity=effect.severity,
        instance=effect.instance,
        target=Target(effect.target_kind, effect.target_name, effect.instance),
        approval=str(effect.approval_id or ""),
        operation=effect.operation,
        intent_hash=effect.intent_hash,
        data={
            "verb": effect.verb,
            "step": effect.kind,
            "attempts": effect.attempts,
            "acknowledged": done,
            step_success_in_log.STEP_ID: str(effect.pk),
            **result.data,
        },
        private={"detail": effect.detail} if effect.detail else {},
        connection=str(effect.payload.get("connection", "")),
        evidence=actor.evidence,
    )
