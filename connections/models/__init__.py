"""Rows of the connections room: working state, no token. Evidence is the audit trail."""

from connections.models.account import ConnectedAccount, State, Use
from connections.models.manifest import Manifest, ManifestNeed
from connections.models.notice import Need, Notice
from connections.models.schedule import ConnectionSetting, Schedule

__all__ = [
    "ConnectedAccount",
    "ConnectionSetting",
    "Manifest",
    "ManifestNeed",
    "Need",
    "Notice",
    "Schedule",
    "State",
    "Use",
]
