"""A coverage report that is taken away: its event, and its signed manifest, made from the event."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from audit.exports.manifest import build, key_statements
from audit.keys import log_identity
from audit.ledger.offline import coverage_report_check, export_manifest
from audit.models import Event
from audit.proofs import proofs_and_tiles
from audit.recording import stored_event_loader
from audit.recording.actors import Actor
from audit.recording.record import record

_FIELDS: Final = ("what", "format", "after", "before", "tree_size")


class NoFile(LookupError):
    """The event is about no coverage report, or there is none of that id."""


def hand_out(reader: Actor, report: Mapping[str, Any], body: bytes, format: str) -> UUID:
    """Record that somebody takes a report away: `audit.exported`; returns the event.

    Args:
        report: with `after`, `before` and `tree_size`.
        body: the file as it is handed out.
    """
    said = {name: report[name] for name in ("after", "before", "tree_size")}
    file = {"sha256": hashlib.sha256(body).hexdigest(), "bytes": len(body)}
    what = {"what": coverage_report_check.WHAT, "format": format, "build": build()}
    return record(reader, "audit.exported", data={**what, **said, **file}).id


def event_of(event_id: UUID) -> dict[str, Any]:
    """The public event of a report that was taken away.

    Raises:
        NoFile: there is none.
    """
    try:
        event = stored_event_loader.load(event_id)
    except Event.DoesNotExist:
        raise NoFile(str(event_id)) from None
    names = (event["action"], event["data"].get("what"))
    if names != (coverage_report_check.ACTION, coverage_report_check.WHAT):
        raise NoFile(str(event_id))
    return event


def manifest_of(event: Mapping[str, Any]) -> dict[str, Any]:
    """Plain JSON, signed by the log's key.

    Raises:
        audit.proofs.proofs_and_tiles.NotSequenced: the event has no place in the signed tree yet.
    """
    event_id, data = UUID(event["id"]), event["data"]
    manifest = {
        "schema": export_manifest.COVERAGE,
        **{name: data[name] for name in _FIELDS},
        "file": {"bytes": data["bytes"], "sha256": data["sha256"]},
        "exporter": event["actor"],
        "build": data["build"],
        "created": event["time"],
        "event": {
            "id": event["id"],
            "index": event["index"],
            "proof": proofs_and_tiles.proof_for(event_id),
            "entry": b64encode(proofs_and_tiles.entry_of(event_id)).decode(),
        },
        **key_statements(),
        "how_to_check": "ata verify MANIFEST FILE --vkey KEY, without a server.",
    }
    return export_manifest.sign(manifest, log_identity.origin(), log_identity.seed())
