"""The signed manifest of a file of the inventory, made from its event whenever it is asked for.

Nothing is kept outside the trail: the event says what was exported, its entry is in the log, and
the manifest carries both with the proof, so that the file can be checked without a server.
"""

from __future__ import annotations

from base64 import b64encode
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from audit.exports.manifest import build, key_statements
from audit.keys import log_identity
from audit.ledger.format.entry import ERASED
from audit.ledger.offline import connection_export_manifest_check, export_manifest
from audit.models import Event
from audit.proofs import proofs_and_tiles
from audit.recording import stored_event_loader
from connections.application_grants import consent_and_token_search
from connections.inventory import query_parameters


class NoExport(LookupError):
    """The event is about no file of the inventory, or there is none of that id."""


def event_of(event_id: UUID) -> dict[str, Any]:
    """The public event of an export.

    Raises:
        NoExport: there is none.
    """
    try:
        event = stored_event_loader.load(event_id)
    except Event.DoesNotExist:
        raise NoExport(str(event_id)) from None
    if (
        event["action"] != connection_export_manifest_check.ACTION
        or event["data"].get("format") not in _SUFFIXES
    ):
        raise NoExport(str(event_id))
    return event


_SUFFIXES = ("csv", "xlsx")


def manifest_of(event: dict[str, Any]) -> dict[str, Any]:
    """Plain JSON, signed by the log's key. An erased filter is null.

    Raises:
        audit.proofs.proofs_and_tiles.NotSequenced: the event has no place in the signed tree yet.
    """
    event_id, data = UUID(event["id"]), event["data"]
    what, proof = what_of(event), proofs_and_tiles.proof_for(event_id)
    params = None if data.get("filter") == ERASED else data.get("filter") or {}
    manifest = {
        "schema": export_manifest.INVENTORY,
        "what": what,
        "filter": {
            "words": connection_export_manifest_check.words_of(event) or None,
            "params": params,
            "query": _syntax(what, params),
        },
        "format": data["format"],
        "rows": data["credentials"],
        "everybody": data["everybody"],
        "file": {"bytes": data["bytes"], "sha256": data["sha256"]},
        "exporter": event["actor"],
        "build": data.get("build") or build(),
        "created": event["time"],
        "event": {
            "id": event["id"],
            "index": event["index"],
            "entry": b64encode(proofs_and_tiles.entry_of(event_id)).decode(),
            "proof": proof,
            "openings": _openings(event_id),
        },
        **key_statements(),
        "how_to_check": "ata verify MANIFEST FILE --vkey KEY, without a server.",
    }
    return export_manifest.sign(manifest, log_identity.origin(), log_identity.seed())


def _openings(event_id: UUID) -> list[dict[str, Any]]:
    """What opens the filter of the entry, and whose export it was; without what was erased."""
    return [
        {"path": one.path, "subject": one.subject, "salt": one.salt.hex(), "value": one.value}
        for one in stored_event_loader.openings_of([event_id])[event_id]
        if one.path in connection_export_manifest_check.OPENED
    ]


def what_of(event: dict[str, Any]) -> str:
    """What its rows are: `connections` or `applications`."""
    return str(event["data"].get("what", connection_export_manifest_check.ACCOUNTS))


def _syntax(what: str, params: Any) -> str | None:
    """As the query string of the page spells the filter."""
    if not isinstance(params, dict):
        return None
    if what == consent_and_token_search.WHAT:
        return urlencode({"what": what, **params})
    given = {
        key: values if isinstance(values, list) else [values] for key, values in params.items()
    }
    query, _ = query_parameters.parse(given)
    return urlencode(query.params())
