"""Checking a coverage report offline, by its signed manifest.

The manifest carries the log's own entry about the file with its proof: who took which report of
which period. The counts are the portal's. Needs no server.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final

from audit.ledger.key_transitions.log_renames import Move
from audit.ledger.note import VerifierKey
from audit.ledger.offline.export_check import ExportReport
from audit.ledger.offline.export_manifest import same_file, signed_by, signer_of
from audit.ledger.offline.manifest_entry import logged
from audit.ledger.offline.proof_check import moved, moved_unproven

ACTION: Final = "audit.exported"
WHAT: Final = "coverage"
_OF_MANIFEST: Final = ("what", "format", "after", "before", "tree_size")
UNPROVEN: Final = (
    "That the counts are right: count again over the log, which `ata audit entries` fetches.",
    "That an organisation does what a requirement wants: the report says what is on the trail.",
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
        manifest: as `export_manifest.read_manifest` returned it.
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
    words = f"coverage from {manifest.get('after')} to {manifest.get('before')}"
    return ExportReport(words, steps, (), (*UNPROVEN, *moved_unproven(origin, moves)))


def _agree(data: Mapping[str, Any], manifest: Mapping[str, Any]) -> bool:
    recorded = {name: data[name] for name in ("bytes", *_OF_MANIFEST)}
    claimed = {name: manifest.get(name) for name in _OF_MANIFEST}
    return recorded == claimed | {"bytes": manifest["file"].get("bytes")}
