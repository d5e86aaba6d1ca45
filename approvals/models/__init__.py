"""Rows of the approvals room. Nothing here is evidence: evidence is the audit trail."""

from approvals.models.approval import Answer, Approval, Ask, AskState, Outcome, Status
from approvals.models.effect import Effect, EffectState
from approvals.models.keep import IdempotencyRecord, ShortLivedSecret
from approvals.models.person import Person

__all__ = [
    "Answer",
    "Approval",
    "Ask",
    "AskState",
    "Effect",
    "EffectState",
    "IdempotencyRecord",
    "Outcome",
    "Person",
    "ShortLivedSecret",
    "Status",
]
