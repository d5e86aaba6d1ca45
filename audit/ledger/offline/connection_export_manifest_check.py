"""Checking a list of connected accounts or applications offline, by its signed manifest.

The manifest carries the log's own entry about the export with its proof and with the openings of
its filter, so that the log says which rows the file has, and not the manifest alone. Rows are not
made again: that takes the whole log (`ata ibom`). Needs no server.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final
from urllib.parse import parse_qsl

from audit.ledger import note
from audit.ledger.format import entry as entries
from audit.ledger.format.canonical import EntryError
from audit.ledger.format.commitment import Opening
from audit.ledger.key_transitions.log_renames import Move
from audit.ledger.note import VerifierKey
from audit.ledger.offline.export_check import ExportReport
from audit.ledger.offline.export_manifest import same_file, signed_by, signer_of
from audit.ledger.offline.manifest_entry import logged
from audit.ledger.offline.proof_check import Step, moved, moved_unproven

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
)
OPENED: Final = ("actor.sub", "private.filter", "private.words")
"""Values of the entry that its manifest opens."""
CLOSED: Final = (
    "The manifest does not open the filter that its entry commits to: either it was erased, or an "
    "earlier version wrote the manifest. Download the manifest again."
)
NOT_OPENED: Final = "rows by a filter that is not opened here"


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
    event = logged(manifest, trusted, required, ACTION, lambda data: _agree(data, manifest))
    words, said = _words(manifest, event)
    steps = (
        *(signed_by(manifest, trusted), *moved(origin, moves)),
        *(same_file(manifest, file), event, *said),
    )
    limits = UNPROVEN if _what(manifest) == ACCOUNTS else (_CHANGES, *UNPROVEN[1:])
    return ExportReport(
        words or NOT_OPENED,
        steps,
        (),
        (*limits, *moved_unproven(origin, moves)),
        unproven=() if words or not all(step.ok for step in steps) else (CLOSED,),
    )


def words_of(event: Mapping[str, Any]) -> str:
    """Which rows the file of an event has, without a full stop; "" where that is not opened.

    Args:
        event: public, with its action `ACTION`.
    """
    data, actor = event["data"], event["actor"]
    words, sub = data.get("words"), actor["sub"]
    if not isinstance(words, str) or not words or not isinstance(sub, str):
        return ""
    if data.get("everybody") is True:
        return words
    rows = "accounts" if _what(data) == ACCOUNTS else "applications"
    return f"Only {rows} of {sub} at {actor['iss']}: {words}"


def _words(manifest: Mapping[str, Any], logged: Step) -> tuple[str, list[Step]]:
    """Which rows the file has by the entry about it, and whether the manifest says the same.

    No step where the manifest does not open the filter, or has no entry that the log has.
    """
    name = "The filter of the manifest is that of its entry"
    if not logged.ok:
        return "", []
    try:
        raw = note.decode_base64(str(manifest["event"]["entry"]), "the entry")
        event = entries.reveal(raw, _openings(manifest["event"].get("openings", [])))
    except EntryError as error:
        return "", [Step(name, False, f"{error}.")]
    except (LookupError, TypeError, ValueError, AttributeError):
        return "", [Step(name, False, "Its openings cannot be read.")]
    words = words_of(event)
    if not words:
        return "", []
    if _claimed(manifest) != _logged(event):
        return words, [Step(name, False, f"By the entry the file has: {words}.")]
    return words, [Step(name, True, f"{words}.")]


def _openings(manifest: Any) -> list[Opening]:
    return [
        Opening(one["path"], str(one["subject"]), bytes.fromhex(one["salt"]), one["value"])
        for one in manifest
    ]


def _claimed(manifest: Mapping[str, Any]) -> tuple[Any, ...]:
    said, exporter = manifest.get("filter"), manifest.get("exporter")
    if not isinstance(said, Mapping) or not isinstance(exporter, Mapping):
        return ()
    pairs = sorted(parse_qsl(str(said.get("query"))))
    return said.get("words"), said.get("params"), pairs, exporter.get("iss"), exporter.get("sub")


def _logged(event: Mapping[str, Any]) -> tuple[Any, ...]:
    params, actor = event["data"].get("filter") or {}, event["actor"]
    pairs = [
        (key, value)
        for key, values in params.items()
        for value in (values if isinstance(values, list) else [values])
    ]
    if _what(event["data"]) != ACCOUNTS:
        pairs.append(("what", _what(event["data"])))
    return words_of(event), params, sorted(pairs), actor["iss"], actor["sub"]


def _what(manifest: Mapping[str, Any]) -> Any:
    return manifest.get("what", ACCOUNTS)


def _agree(data: Mapping[str, Any], manifest: Mapping[str, Any]) -> bool:
    found = (data["credentials"], data["format"], _what(data), data["everybody"])
    claimed = (manifest.get("rows"), manifest.get("format"), _what(manifest))
    return found == (*claimed, manifest.get("everybody"))
