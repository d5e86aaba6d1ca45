"""The manifest of an export: what was asked, what was read, and what the file is held to."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from audit.clock import rfc3339
from audit.exports.formats import FORMATS
from audit.keys import keyring, log_identity
from audit.ledger.key_transitions import key_statements_in_exports
from audit.ledger.offline import export_manifest
from audit.ledger.query import EventQuery
from audit.models import ExportJob

SCHEMA = "ata.export.v1"
ERASED = "The file is deleted: it held, or may have held, values of a person who was erased since."


def build() -> str:
    """Name and version of what wrote the file."""
    try:
        return f"Auth0-ATA {version('auth0-ata')}"
    except PackageNotFoundError:  # run from a checkout that nobody installed
        return "Auth0-ATA"


def manifest_of(job: ExportJob) -> dict[str, Any]:
    """Plain JSON. Times are UTC with Z; `sha256` is of the file as it was handed out.

    Once the file is complete the log's key signs it (`signed`, see
    `audit.ledger.offline.export_check`).
    """
    manifest = _unsigned(job)
    if not job.finished:
        return manifest
    return export_manifest.sign(manifest, log_identity.origin(), log_identity.seed())


def _unsigned(job: ExportJob) -> dict[str, Any]:
    query = EventQuery.from_params(job.params)
    return {
        "schema": SCHEMA,
        "export": str(job.id),
        "filter": {
            "words": _words(job, query),
            "params": job.params,
            "bar": query.to_bar(),
        },
        "only_events_of": job.requester["sub"] if job.person else None,
        "format": job.format,
        "rules": FORMATS[job.format].rules,
        "range": {"first_index": 0, "end_index": job.tree_size},
        "rows": job.rows,
        "tree": {
            "size": job.tree_size,
            "root": b64encode(bytes(job.root)).decode(),
            "checkpoint": job.checkpoint,
        },
        "file": {"name": file_name(job), "bytes": job.size, "sha256": job.sha256},
        "exporter": {key: job.requester[key] for key in ("iss", "sub", "name", "email")},
        "event": str(job.event) if job.event else None,
        "build": build(),
        **({"erased": ERASED} if job.erased else {}),
        **key_statements(),
        "created": rfc3339(job.created),
        "finished": rfc3339(job.finished) if job.finished else None,
        "how_to_check": (
            "ata verify MANIFEST FILE --vkey KEY --entries ENTRIES, where `ata audit entries` "
            "fetches ENTRIES: without a server it runs the filter again and compares each row. Or "
            "compare sha256 with the file and with `data.sha256` of the event named above."
        ),
    }


def _words(job: ExportJob, query: EventQuery) -> str:
    return job.words if job.erased else words_of(query, job.requester, own=bool(job.person))


def words_of(query: EventQuery, requester: Mapping[str, Any], *, own: bool) -> str:
    """Which events an export has, in one sentence; `own` is whether only the requester's."""
    if not own:
        return export_manifest.words_of(query)
    return export_manifest.words_of(query, requester["sub"], requester["iss"])


def key_statements() -> dict[str, Any]:
    """What former keys signed, for a manifest of a log that changed its name; else nothing."""
    carried = key_statements_in_exports.carried(keyring.read().statements)
    return {key_statements_in_exports.MEMBER: carried} if carried else {}


def file_name(job: ExportJob) -> str:
    """`audit-<date>-<first digits of the id>.<suffix>`: nothing in it comes from outside."""
    return f"audit-{job.created:%Y%m%d}-{job.id.hex[-8:]}.{FORMATS[job.format].suffix}"
