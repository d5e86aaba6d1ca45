"""Rows of connections: working state, no token. Evidence is the audit trail."""

from connections.models.access import AccessKind, AccessState, AppAccess
from connections.models.account import NOT_HELD, ConnectedAccount, State, Use
from connections.models.escalation import Allowance, Attempts, Escalation, ScopeRule
from connections.models.freeze import Freeze, FrozenKind
from connections.models.just_in_time import JustInTime
from connections.models.manifest import AllowRule, HeldVariables, Manifest, ManifestNeed
from connections.models.notice import Need, Notice, OwnerLetter
from connections.models.review import (
    Choice,
    Review,
    Reviewers,
    ReviewItem,
    ReviewLetter,
    ReviewLines,
    ReviewWork,
)
from connections.models.schedule import ConnectionSetting, ReconcileRun, Schedule
from connections.models.tenant_log import (
    Feed,
    LogFact,
    LogFeed,
    LogGap,
    LogKind,
    PersonLook,
    SeenUse,
)

__all__ = [
    "NOT_HELD",
    "AccessKind",
    "AccessState",
    "AllowRule",
    "Allowance",
    "AppAccess",
    "Attempts",
    "Choice",
    "ConnectedAccount",
    "ConnectionSetting",
    "Escalation",
    "Feed",
    "Freeze",
    "FrozenKind",
    "HeldVariables",
    "JustInTime",
    "LogFact",
    "LogFeed",
    "LogGap",
    "LogKind",
    "Manifest",
    "ManifestNeed",
    "Need",
    "Notice",
    "OwnerLetter",
    "PersonLook",
    "ReconcileRun",
    "Review",
    "ReviewItem",
    "ReviewLetter",
    "ReviewLines",
    "ReviewWork",
    "Reviewers",
    "Schedule",
    "ScopeRule",
    "SeenUse",
    "State",
    "Use",
]
