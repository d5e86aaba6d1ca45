"""Approvals as `GET /v1/approvals` answers them (DESIGN 2.5)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any

from django.db.models import Prefetch, prefetch_related_objects

from approvals import clock, proven_approvals
from approvals.models import Approval, Ask, Effect, Outcome, Status
from approvals.proven_approvals import Signature
from approvals.step_up import owner_must_approve_first


def as_json(approval: Approval) -> dict[str, Any]:
    """One approval."""
    return list_as_json([approval])[0]


def list_as_json(approvals: Iterable[Approval]) -> list[dict[str, Any]]:
    """Several, in as many queries as one, and one for each evidence body that was not read yet."""
    found = list(approvals)
    in_order = Ask.objects.select_related("person").order_by("number")
    prefetch_related_objects(found, Prefetch("asks", in_order))
    signed = proven_approvals.signatures(found)
    effects: dict[str, list[Effect]] = {}
    of_these = Effect.objects.filter(operation__in={one.operation for one in found})
    for effect in of_these.order_by("created"):
        effects.setdefault(effect.operation, []).append(effect)
    return [_one(one, effects.get(one.operation, ()), signed[one.pk]) for one in found]


def effect_as_json(effect: Effect) -> dict[str, str]:
    """One remote step; `tag` where a person carries it out at a terminal, and sends that along."""
    said = {
        "instance": effect.instance,
        "label": effect.label,
        "state": effect.state,
        "detail": effect.detail,
    }
    tag = effect.payload.get("tag")
    return said | {"tag": tag} if isinstance(tag, str) else said


def _one(
    approval: Approval, effects: Sequence[Effect], signed: Collection[Signature]
) -> dict[str, Any]:
    asks = list(approval.asks.all())
    ask = asks[-1] if asks else None
    approved = approval.outcome == Outcome.APPROVED
    waiting = ask.detail if ask and approval.status != Status.CLOSED else ""
    return {
        "id": str(approval.id),
        "verb": approval.verb,
        "target": {
            "kind": approval.target_kind,
            "name": approval.target_name,
            **({"instance": approval.target_instance} if approval.target_instance else {}),
        },
        "sentence": approval.sentence,
        "severity": approval.severity,
        "reason": approval.reason,
        "answer": approval.answer,
        "inferred": approval.inferred,
        "status": approval.status,
        "outcome": approval.outcome or None,
        "proven": proven_approvals.all_signed(approval, signed) if approved else None,
        "code": approval.outcome_code or None,
        "detail": approval.outcome_detail or waiting or None,
        "binding_message": ask.code if ask else None,
        "asked": str(ask.person) if ask else None,
        "asked_sub": ask.person.sub if ask else None,
        "expires_at": clock.stamp(approval.expires_at),
        "created_at": clock.stamp(approval.created),
        "single_person": approval.single_person,
        "needed": owner_must_approve_first.needed(approval),
        "policy": approval.policy_digest,
        "rule": str(approval.rule.get("rule", "")),
        "asks": [
            {
                "asked": str(one.person),
                "asked_sub": one.person.sub,
                "binding_message": one.code,
                "channel": one.channel,
                "state": one.state,
                "detail": one.detail,
            }
            for one in asks
        ],
        "held": approval.held,
        "effects": [effect_as_json(e) for e in effects],
        "intent": approval.intent,
        "intent_hash": approval.intent_hash,
        "event_id": str(approval.event_id) if approval.event_id else None,
    }
