"""Checking a coverage report offline, by its signed manifest.

The manifest carries the log's own entry about the file with its proof: who took which report of
which period. The counts are the portal's. Needs no server.
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

ACTION: Final = "audit.exported"
WHAT: Final = "coverage"
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
    words = f"coverage from {manifest.get('after')} to {manifest.get('before')}"
    return ExportReport(words, steps, (), (*UNPROVEN, *moved_unproven(origin, moves)))


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
        found = {name: data[name] for name in ("sha256", "bytes", *_OF_MANIFEST)}
        found |= {"action": entry["action"], "id": entry["id"], "index": told.index}
    except (ProofError, NoteError) as error:
        return Step(name, False, f"{error}.")
    except (ValueError, TypeError, LookupError):
        return Step(name, False, "Its entry cannot be read.")
    claimed = {name: manifest.get(name) for name in _OF_MANIFEST}
    claimed |= {"sha256": said.get("sha256"), "bytes": said.get("bytes"), "action": ACTION}
    if found != claimed | {"id": event.get("id"), "index": event.get("index")}:
        return Step(name, False, "The entry is about another file, or the manifest tells it wrong.")
    return Step(
        name, True, f"Entry {told.index} of a tree of {head.size} that {head.origin} signed."
    )


_OF_MANIFEST: Final = ("what", "format", "after", "before", "tree_size")
