"""Tables of the audit trail: evidence that never changes, and a projection that can be rebuilt."""

from audit.models.event import Event, Openings
from audit.models.evidence import EvidenceItem
from audit.models.export import ExportBlock, ExportJob
from audit.models.imported import ImportedRow, RepeatedTag
from audit.models.projection import EventRow, Rollup
from audit.models.quarantined_row import QuarantinedRow
from audit.models.saved_view import SavedView
from audit.models.time_token import TimeToken
from audit.models.tree import Checkpoint, Cosignature, Entry, Tile
from audit.models.verification import VerificationRun
from audit.models.witness import WitnessState

__all__ = [
    "Checkpoint",
    "Cosignature",
    "Entry",
    "Event",
    "EventRow",
    "EvidenceItem",
    "ExportBlock",
    "ExportJob",
    "ImportedRow",
    "Openings",
    "QuarantinedRow",
    "RepeatedTag",
    "Rollup",
    "SavedView",
    "Tile",
    "TimeToken",
    "VerificationRun",
    "WitnessState",
]
