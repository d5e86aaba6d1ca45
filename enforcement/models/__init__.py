"""Working state of enforcement. The trail is the evidence; these rows are what holds now."""

from enforcement.models.asset import Asset, Decision, Hold
from enforcement.models.finding import AskNeed, Finding, FindingStatus, Scan
from enforcement.models.watch import Watch

__all__ = ["AskNeed", "Asset", "Decision", "Finding", "FindingStatus", "Hold", "Scan", "Watch"]
