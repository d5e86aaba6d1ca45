"""Checking a list of connected accounts or applications offline, by its signed manifest.

The manifest carries the log's own entry about the export with its proof, so that the file is held
to the log and not to the manifest alone. Rows are not made again: that takes the whole log
(`ata ibom`). Needs no server.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final

from . import checkpoint, note, proof
from .exportcheck import ExportReport, same_file, signed_by, signer_of
from .merkle import ProofError
from .note import NoteError, VerifierKey
from .origins import Move
from .verify import Step, moved, moved_unproven

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
        _logged(manifest, trusted, required),
    )
    told = manifest.get("filter")
    words = str(told.get("words", "")) if isinstance(told, Mapping) else ""
    limits = UNPROVEN if _what(manifest) == ACCOUNTS else (_CHANGES, *UNPROVEN[1:])
    return ExportReport(words, steps, (), (*limits, *moved_unproven(origin, moves)))


def _what(told: Mapping[str, Any]) -> Any:
    return told.get("what", ACCOUNTS)


def _logged(
    manifest: Mapping[str, Any], vkeys: list[str | VerifierKey], required: Collection[int]
) -> Step:
    name = "The log has an entry about this very file"
    event, said = manifest.get("event"), manifest.get("file")
    if not isinstance(event, Mapping) or not isinstance(said, Mapping):
        return Step(name, False, "The manifest names no event or no file.")
    try:
        raw = note.decode_base64(str(event.get("entry", "")), "the entry")
        told = proof.parse(str(event.get("proof", "")))
        head = proof.verify(told, raw, vkeys)
        checkpoint.verify(told.checkpoint, vkeys, required)
        entry = json.loads(raw)
        data = entry["data"]
        found = (entry["id"], told.index, data["sha256"], data["credentials"], data["format"])
        claimed = (event.get("id"), event.get("index"), said.get("sha256"))
        same = entry["action"] == ACTION and (*found, _what(data)) == (
            *claimed, manifest.get("rows"), manifest.get("format"), _what(manifest),
        )  # fmt: skip
    except (ProofError, NoteError) as error:
        return Step(name, False, f"{error}.")
    except (ValueError, TypeError, LookupError):
        return Step(name, False, "Its entry cannot be read.")
    if not same:
        return Step(name, False, "The entry is about another file, or the manifest tells it wrong.")
    return Step(
        name, True, f"Entry {told.index} of a tree of {head.size} that {head.origin} signed."
    )
