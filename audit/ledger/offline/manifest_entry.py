"""Whether the log has an entry about a file: by a manifest that carries the entry and its proof."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from typing import Any

from audit.ledger import checkpoint, inclusion_proof_file, note
from audit.ledger.merkle import ProofError
from audit.ledger.note import NoteError, VerifierKey
from audit.ledger.offline.proof_check import Step


def logged(
    manifest: Mapping[str, Any],
    vkeys: list[str | VerifierKey],
    required: Collection[int],
    action: str,
    agree: Callable[[Mapping[str, Any]], bool],
) -> Step:
    """A step that holds where a signed tree has the entry that the manifest names, about this file.

    Args:
        required: key types that must each have signed the tree.
        action: of the entry.
        agree: whether the entry's `data` say what else the manifest does. What it raises for a
            member that is missing is an entry that cannot be read.
    """
    name = "The log has an entry about this very file"
    event, said = manifest.get("event"), manifest.get("file")
    if not isinstance(event, Mapping) or not isinstance(said, Mapping):
        return Step(name, False, "The manifest names no event or no file.")
    try:
        raw = note.decode_base64(str(event.get("entry", "")), "the entry")
        parsed = inclusion_proof_file.parse(str(event.get("proof", "")))
        head = inclusion_proof_file.verify(parsed, raw, vkeys)
        checkpoint.verify(parsed.checkpoint, vkeys, required)
        entry = json.loads(raw)
        data = entry["data"]
        found = (entry["action"], entry["id"], parsed.index, data["sha256"])
        claimed = (action, event.get("id"), event.get("index"), said.get("sha256"))
        same = found == claimed and agree(data)
    except (ProofError, NoteError) as error:
        return Step(name, False, f"{error}.")
    except (ValueError, TypeError, LookupError):
        return Step(name, False, "Its entry cannot be read.")
    if not same:
        return Step(name, False, "The entry is about another file, or the manifest tells it wrong.")
    return Step(
        name, True, f"Entry {parsed.index} of a tree of {head.size} that {head.origin} signed."
    )
