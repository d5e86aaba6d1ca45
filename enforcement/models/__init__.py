"""Working state of enforcement. The trail is the evidence; these rows are what holds now."""

from enforcement.models.administrative_act import AdministrativeAct
from enforcement.models.asset_decision import Asset, Decision, Hold
from enforcement.models.concluded_effect import ConcludedEffect
from enforcement.models.gateway_poll_state import GatewayCall, Watch
from enforcement.models.outpost import (
    CommandState,
    EnrolmentCode,
    Outpost,
    OutpostCommand,
    OutpostReport,
    OutpostState,
    RevokedEnrolment,
    SeenProof,
)
from enforcement.models.posture import PostureBaseline, PostureDifference
from enforcement.models.scan_and_finding import AskNeed, Finding, FindingStatus, Scan

__all__ = [
    "AdministrativeAct",
    "AskNeed",
    "Asset",
    "CommandState",
    "ConcludedEffect",
    "Decision",
    "EnrolmentCode",
    "Finding",
    "FindingStatus",
    "GatewayCall",
    "Hold",
    "Outpost",
    "OutpostCommand",
    "OutpostReport",
    "OutpostState",
    "PostureBaseline",
    "PostureDifference",
    "RevokedEnrolment",
    "Scan",
    "SeenProof",
    "Watch",
]
