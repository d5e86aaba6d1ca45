"""Acknowledging and dismissing alerts at HEAD."""

from __future__ import annotations

import hashlib
import json
import re
import sqlite3
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

from local.gateway.audit.event_families import disposition_requested
from local.gateway.audit.instants import now_ns, rfc3339
from local.gateway.audit.log import AuditRow
from local.gateway.gateway import Gateway

_PREFIX: Final = "sha256:v1:"
_KEYS: Final = frozenset(
    {
        "operation_id", "audit_db_identity", "disposition", "selector", "preview",
        "selection_digest",
    }
)  # fmt: skip
_OPERATION: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,191}")
_BROAD: Final = ("connector", "target", "severity")
_OPEN_SQL: Final = """
    SELECT * FROM audit_events AS event
    WHERE ((bucket IN ('security.finding', 'network.egress', 'platform.health')
            AND UPPER(COALESCE(severity, '')) IN ('CRITICAL', 'HIGH', 'MEDIUM', 'LOW', 'ERROR'))
           OR event_name = 'enforcement.quarantine.applied')
      AND NOT EXISTS (SELECT 1 FROM alert_acknowledgement_projection AS seen
                      WHERE seen.alert_id = event.id)
    ORDER BY timestamp DESC LIMIT ?"""


@dataclass(frozen=True, slots=True)
class Command:
    """A checked request."""

    operation: str
    identity: str
    disposition: str
    preview: bool
    digest: str
    ids: tuple[str, ...]
    conditions: Mapping[str, str] = field(default_factory=dict)


def read_command(body: Mapping[str, Any]) -> Command:
    """Check a request's body; raises ValueError."""
    if set(body) - _KEYS:
        raise ValueError("unknown key")
    operation, disposition = body.get("operation_id"), body.get("disposition")
    if not isinstance(operation, str) or not _OPERATION.fullmatch(operation):
        raise ValueError("operation_id")
    if disposition not in ("acknowledged", "dismissed"):
        raise ValueError("disposition")
    selector = body.get("selector")
    selector = selector if isinstance(selector, dict) else {}
    ids = tuple(sorted({str(item) for item in selector.get("ids") or ()}))
    conditions = {name: str(selector[name]) for name in _BROAD if selector.get(name)}
    if ids and conditions:
        raise ValueError("exact ids cannot be combined with broad selectors")
    preview, digest = bool(body.get("preview")), str(body.get("selection_digest") or "")
    if preview == bool(digest):
        raise ValueError("selection_digest")
    identity = str(body.get("audit_db_identity") or "")
    return Command(operation, identity, disposition, preview, digest, ids, conditions)


def database_identity(path: Path) -> str:
    """Return the name of a database: a digest of its resolved path."""
    material = f"defenseclaw.alert-disposition.audit-db.v1\0{path.resolve().as_posix()}"
    return _PREFIX + hashlib.sha256(material.encode()).hexdigest()


def open_alerts(gateway: Gateway, limit: int) -> list[sqlite3.Row]:
    """Return the newest alerts that nobody disposed of; a quarantine is shown as one."""
    with gateway.database.read() as connection:
        return connection.execute(_OPEN_SQL, (limit,)).fetchall()


def dispose(gateway: Gateway, command: Command) -> tuple[HTTPStatus, dict[str, Any]]:
    """Preview or apply a command; returns status and body of the answer."""
    counts = {"matched": 0, "applied": 0, "no_change": 0, "rejected": 0, "failed": 0}
    if command.identity != database_identity(gateway.database.path):
        return HTTPStatus.CONFLICT, {**counts, "error": "audit database identity mismatch"}
    targets = _targets(gateway, command)
    if command.ids and len(targets) != len(command.ids):
        error = "one or more exact alert IDs are unavailable"
        return HTTPStatus.CONFLICT, {**counts, "error": error}
    digest = _selection_digest(command, targets)
    body = {
        **counts,
        "matched": len(targets),
        "selection_digest": digest,
        "targets": [{"id": id_, "projection_version": version} for id_, version in targets],
    }
    if command.preview:
        return HTTPStatus.OK, body
    if command.digest != digest:
        error = "alert selection changed after preview"
        return HTTPStatus.CONFLICT, {**body, "drift": True, "error": error}
    if _has_undisposable(gateway, targets):
        return HTTPStatus.SERVICE_UNAVAILABLE, {**body, "error": "unavailable"}
    for id_, version in targets:
        _apply(gateway, command, id_, version)
    body.pop("targets")
    return HTTPStatus.OK, {**body, "applied": len(targets)}


def _targets(gateway: Gateway, command: Command) -> list[tuple[str, int]]:
    if not command.ids:
        rows = open_alerts(gateway, 1_000)
        return sorted((row["id"], 0) for row in rows if _matches(row, command.conditions))
    with gateway.database.read() as connection:
        found = (_version_of(connection, id_) for id_ in command.ids)
        return [item for item in found if item is not None]


def _version_of(connection: sqlite3.Connection, id_: str) -> tuple[str, int] | None:
    row = connection.execute(
        "SELECT severity, event_name FROM audit_events WHERE id = ?", (id_,)
    ).fetchone()
    quarantine = row is not None and row["event_name"] == "enforcement.quarantine.applied"
    if row is None or (row["severity"] == "INFO" and not quarantine):
        return None
    seen = connection.execute(
        "SELECT projection_version FROM alert_acknowledgement_projection WHERE alert_id = ?",
        (id_,),
    ).fetchone()
    return id_, seen["projection_version"] if seen else 0


def _matches(row: sqlite3.Row, conditions: Mapping[str, str]) -> bool:
    return all(
        str(row[name] or "").casefold() == value.casefold() for name, value in conditions.items()
    )


def _selection_digest(command: Command, targets: list[tuple[str, int]]) -> str:
    selector: dict[str, Any] = {"ids": list(command.ids)} if command.ids else {}
    material = {"selector": {**selector, **command.conditions}, "targets": targets}
    encoded = json.dumps(material, separators=(",", ":")).encode()
    domain = b"defenseclaw.alert-disposition.selection.v1\0"
    return _PREFIX + hashlib.sha256(domain + encoded).hexdigest()


def _has_undisposable(gateway: Gateway, targets: list[tuple[str, int]]) -> bool:
    """Whether a target is shown as an alert but can never be disposed of."""
    sql = "SELECT event_name FROM audit_events WHERE id = ?"
    with gateway.database.read() as connection:
        names = [connection.execute(sql, (id_,)).fetchone()[0] for id_, _ in targets]
    return any(name in ("enforcement.quarantine.applied", "subsystem.degraded") for name in names)


def _apply(gateway: Gateway, command: Command, alert: str, version: int) -> None:
    suffix = hashlib.sha256(alert.encode()).hexdigest()[:16]
    operation, event_id = f"{command.operation}-{suffix}", str(uuid.uuid4())
    stamp = rfc3339(now_ns())
    shared = {"actor": "cli:operator", "alert_id": alert}
    fingerprint = gateway.key.fingerprint(f"{operation}\0{alert}") if gateway.key else ""
    with gateway.database.write() as connection:
        gateway.database.insert(
            connection,
            "alert_acknowledgement_operations",
            {
                **shared,
                "operation_id": operation,
                "command_fingerprint": fingerprint,
                "requested_disposition": command.disposition,
                "expected_projection_version": version,
                "outcome": "applied",
                "observed_projection_version": version,
                "projection_version_before": version,
                "projection_version_after": version + 1,
                "event_id": event_id,
                "created_at": stamp,
            },
        )
        connection.execute(
            "DELETE FROM alert_acknowledgement_projection WHERE alert_id = ?", (alert,)
        )
        gateway.database.insert(
            connection,
            "alert_acknowledgement_projection",
            {
                **shared,
                "disposition": command.disposition,
                "disposition_at": stamp,
                "projection_version": version + 1,
                "source": "modern",
                "source_event_id": event_id,
                "updated_at": stamp,
            },
        )
    family = disposition_requested(operation, alert, command.disposition, version)
    gateway.log.write(AuditRow(family.name, alert, id=event_id, family=family))
