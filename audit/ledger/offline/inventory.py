"""Checking a list of connected accounts or applications offline, by its signed manifest.

The manifest carries the log's own entry about the export with its proof, so that the file is held
to the log and not to the manifest alone. Rows are not made again: that takes the whole log
(`ata ibom`). Needs no server.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final

from audit.ledger.key_transitions.origins import Move
from audit.ledger.note import VerifierKey
from audit.ledger.offline.export_files import ExportReport, same_file, signed_by, signer_of
from audit.ledger.offline.manifest_entry import logged
from audit.ledger.offline.proof_check import moved, moved_unproven

ACTION: Final = "connection.exported"
ACCOUNTS: Final = "connections"
"""What rows are where nothing else is said."""
_REBUILT: Final = (
    "That no row is missing, added or altered: rebuild the inventory from the log to see."
)
_CHANGES: Final = (
    "That no row is missing, added or altered: of applications the log tells the changes alone."
)
UNPROVEN: Final = (
    _REBUILT,
    "That what the rows say is true of Auth0: they say what was known, from whom and since when.",
    "The filter in words, where the entry only commits to it.",
)


def check(
    manifest: Mapping[str, Any],
    file: bytes,
    vkeys: Iterable[str | VerifierKey],
    required: Collection[int] = (),
    moves: Collection[Move] = (),
) -> ExportReport:
    """Check the file; failures are steps of the report, never exceptions.

    Args:
        manifest: as `exportcheck.read_manifest` returned it.
        vkeys: log keys that the verifier trusts.
        required: key types that must each have signed the tree, as `Policy.required`.
        moves: changes of the log's name, as `Policy.moves`.
    """
    trusted = list(vkeys)
    origin = signer_of(manifest)
    steps = (
        signed_by(manifest, trusted),
        *moved(origin, moves),
        same_file(manifest, file),
        logged(manifest, trusted, required, ACTION, lambda data: _agree(data, manifest)),
    )
    told = manifest.get("filter")
    words = str(told.get("words", "")) if isinstance(told, Mapping) else ""
    limits = UNPROVEN if _what(manifest) == ACCOUNTS else (_CHANGES, *UNPROVEN[1:])
    return ExportReport(words, steps, (), (*limits, *moved_unproven(origin, moves)))


def _what(told: Mapping[str, Any]) -> Any:
    return told.get("what", ACCOUNTS)


def _agree(data: Mapping[str, Any], manifest: Mapping[str, Any]) -> bool:
    found = (data["credentials"], data["format"], _what(data))
    return found == (manifest.get("rows"), manifest.get("format"), _what(manifest))
