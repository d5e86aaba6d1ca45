"""Tables of the audit trail: evidence that never changes, and a projection that can be rebuilt."""

from audit.models.event_and_openings import Event, Openings
from audit.models.evidence_item import EvidenceItem
from audit.models.export_job import ExportBlock, ExportJob
from audit.models.gateway_push_progress import PushProgress
from audit.models.imported_row import ImportedRow, RepeatedTag
from audit.models.pushed_and_database_row_forms import RowForm
from audit.models.quarantined_row import QuarantinedRow
from audit.models.saved_view import NotifyBy, SavedView, ViewNotification, WeeklyDigest
from audit.models.search_row_and_rollup import EventRow, Rollup
from audit.models.time_token import TimeToken
from audit.models.tree_and_checkpoints import Checkpoint, Cosignature, Entry, Tile
from audit.models.verification_run import VerificationRun
from audit.models.witness_state import WitnessState

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
    "NotifyBy",
    "Openings",
    "PushProgress",
    "QuarantinedRow",
    "RepeatedTag",
    "Rollup",
    "RowForm",
    "SavedView",
    "Tile",
    "TimeToken",
    "VerificationRun",
    "ViewNotification",
    "WeeklyDigest",
    "WitnessState",
]
