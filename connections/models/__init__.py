"""Rows of connections: working state, no token. Evidence is the audit trail."""

from connections.models.account import NOT_HELD, ConnectedAccount, State, Use
from connections.models.application_grant import AccessKind, AccessState, AppAccess
from connections.models.component_manifest import AllowRule, HeldVariables, Manifest, ManifestNeed
from connections.models.connect_prompts_and_owner_notices import Need, Notice, OwnerLetter
from connections.models.escalation_and_allowance import Allowance, Attempts, Escalation, ScopeRule
from connections.models.freeze import Freeze, FrozenKind
from connections.models.idle_access_setting import JustInTime
from connections.models.review import (
    Choice,
    Review,
    Reviewers,
    ReviewItem,
    ReviewLetter,
    ReviewLines,
    ReviewWork,
)
from connections.models.sync_schedule_and_runs import ConnectionSetting, ReconcileRun, Schedule
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
