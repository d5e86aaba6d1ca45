"""Importing what DefenseClaw recorded: idempotent, resumable, nothing lost.

`run` reads an audit database of any generation; `mask` takes secrets out of anything that is to be
shown.
"""

from __future__ import annotations

from audit.importing.lock import ImportRunning
from audit.importing.report import Counts, ImportReport
from audit.importing.run import run
from audit.importing.secret_masking import mask
from audit.importing.source_database import ImportRefused, SourceLost

__all__ = [
    "Counts",
    "ImportRefused",
    "ImportReport",
    "ImportRunning",
    "SourceLost",
    "mask",
    "run",
]
