"""Rows of the connections room: working state, no token. Evidence is the audit trail."""

from connections.models.account import ConnectedAccount, State, Use
from connections.models.freeze import Freeze, FrozenKind
from connections.models.just_in_time import JustInTime
from connections.models.manifest import Manifest, ManifestNeed
from connections.models.notice import Need, Notice
from connections.models.review import Choice, Review, Reviewers, ReviewItem
from connections.models.schedule import ConnectionSetting, Schedule

__all__ = [
    "Choice",
    "ConnectedAccount",
    "ConnectionSetting",
    "Freeze",
    "FrozenKind",
    "JustInTime",
    "Manifest",
    "ManifestNeed",
    "Need",
    "Notice",
    "Review",
    "ReviewItem",
    "Reviewers",
    "Schedule",
    "State",
    "Use",
]
