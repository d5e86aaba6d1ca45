"""Rows of approvals. Nothing here is evidence: evidence is the audit trail."""

from approvals.models.approval_and_asks import (
    Answer,
    Approval,
    Ask,
    AskState,
    Channel,
    Outcome,
    Status,
)
from approvals.models.erasures_and_holds import Erasure, ErasureState, LegalHold
from approvals.models.notice import Notice, NoticeState, NoticeWay
from approvals.models.outbox_effect import Effect, EffectState
from approvals.models.passkey import Passkey
from approvals.models.person import Person
from approvals.models.person_access_end import AccessEnd
from approvals.models.policy_version import PolicyVersion
from approvals.models.secrets_and_idempotency import IdempotencyRecord, ShortLivedSecret

__all__ = [
    "AccessEnd",
    "Answer",
    "Approval",
    "Ask",
    "AskState",
    "Channel",
    "Effect",
    "EffectState",
    "Erasure",
    "ErasureState",
    "IdempotencyRecord",
    "LegalHold",
    "Notice",
    "NoticeState",
    "NoticeWay",
    "Outcome",
    "Passkey",
    "Person",
    "PolicyVersion",
    "ShortLivedSecret",
    "Status",
]
