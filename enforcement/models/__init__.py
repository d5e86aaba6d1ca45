"""Working state of enforcement. The trail is the evidence; these rows are what holds now."""

from enforcement.models.asset_decision import Asset, Decision, Hold
from enforcement.models.gateway_poll_state import GatewayCall, Watch
from enforcement.models.outpost import (
    EnrolmentCode,
    Outpost,
    OutpostReport,
    OutpostState,
    SeenProof,
)
from enforcement.models.scan_and_finding import AskNeed, Finding, FindingStatus, Scan

__all__ = [
    "AskNeed",
    "Asset",
    "Decision",
    "EnrolmentCode",
    "Finding",
    "FindingStatus",
    "GatewayCall",
    "Hold",
    "Outpost",
    "OutpostReport",
    "OutpostState",
    "Scan",
    "SeenProof",
    "Watch",
]
