"""Export to a file: ask, wait until it is made, download it and its manifest."""

from __future__ import annotations

import hashlib
import secrets
import time
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from ata.errors import AtaError
from ata.output.safe_text import safe
from ata.output.screen import Screen, paint
from ata.portal.api_client import Portal

if TYPE_CHECKING:
    from audit.ledger.query import EventQuery

POLL_INTERVAL_S = 1.0
_READY = frozenset({"ready", "done", "completed", "complete", "succeeded"})
_FAILED = frozenset({"failed", "error", "cancelled", "expired"})


def export_to(
    portal: Portal, screen: Screen, query: EventQuery, format_name: str, path: Path
) -> None:
    """Write the export to `path` and its manifest next to it as `<path>.manifest.json`.

    Raises:
        AtaError: the portal's code, `export_failed`, or `cannot_write`.
    """
    body = {"format": format_name, "filter": query.to_params()}
    job = portal.post("/v1/audit/exports", body).body
    export_id = str(job.get("id") or job.get("export_id") or "")
    address = f"/v1/audit/exports/{quote(export_id, safe='')}"
    screen.progress(f"Exporting: {query.in_words()}.", {"id": export_id, "status": "pending"})
    while (status := str(job.get("status") or "")) not in _READY:
        if status in _FAILED:
            raise AtaError(
                f"The export {export_id} {status}: {job.get('error') or 'no reason given'}.",
                code="export_failed",
                fix="Narrow the filter and try again.",
            )
        time.sleep(POLL_INTERVAL_S)
        job = portal.get(address).body
    size, digest = fetch(portal, f"{address}/download", path)
    manifest = path.with_name(path.name + ".manifest.json")
    fetch(portal, f"{address}/manifest", manifest)
    value = {
        "id": export_id,
        "path": str(path),
        "bytes": size,
        "sha256": digest,
        "manifest": str(manifest),
        "rows": job.get("rows"),
    }
    screen.result(
        value,
        f"{paint('✓', 'green')} {safe(path)}: {size:,} bytes, SHA-256 {digest}",
        f"  Manifest {safe(manifest)}",
    )


def fetch(portal: Portal, address: str, path: Path) -> tuple[int, str]:
    """Fetch to a scratch file, then rename: an interrupted download leaves no half file."""
    scratch = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    digest, size = hashlib.sha256(), 0
    try:
        with portal.download(address) as pieces, scratch.open("xb") as stream:
            for piece in pieces:
                digest.update(piece)
                size += len(piece)
                stream.write(piece)
        scratch.replace(path)
    except OSError as error:
        raise AtaError(
            f"{path} cannot be written: {error.strerror}.",
            code="cannot_write",
            fix="Name another place with --output.",
        ) from error
    finally:
        scratch.unlink(missing_ok=True)
    return size, digest.hexdigest()
