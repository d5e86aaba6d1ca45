"""Writing audit rows in the shape of each generation."""

from __future__ import annotations

import json
import sqlite3
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from local.gateway.audit.database import AuditDatabase
from local.gateway.audit.event_families import Family, family_of
from local.gateway.audit.instants import isoformat, now_ns, rfc3339
from local.gateway.audit.redaction import redact_value
from local.gateway.audit.seals import SealingKey, compact, sealed_columns

CONFIG_DIGEST: Final = "9f2c1f0c5a3d4f8c8a1be07c1fd2d3ac9a5c3a2b1e0d4c7f6a8b9c0d1e2f3a4b"


@dataclass(frozen=True, slots=True)
class AuditRow:
    """One row before it takes the shape of a generation."""

    action: str
    target: str = ""
    details: str = ""
    severity: str = "INFO"
    actor: str = "defenseclaw"
    source: str = "operator_api"
    request_id: str = ""
    run_id: str = ""
    connector: str = ""
    session_id: str = ""
    turn_id: str = ""
    agent_name: str = ""
    tool_name: str = ""
    tool_id: str = ""
    step_idx: int | None = None
    enforced: int | None = None
    scan_id: str = ""
    finding_id: str = ""
    evaluation_id: str = ""
    structured: Mapping[str, Any] | None = None
    family: Family | None = None
    """Name, bucket and body of a schema-derived event at HEAD; else the legacy form."""
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    at: int = field(default_factory=now_ns)
    timestamp: str = ""


class AuditLog:
    """Writes rows for one process. `listeners` receive each row that was stored."""

    def __init__(
        self,
        database: AuditDatabase,
        *,
        key: SealingKey | None = None,
        by_command_line: bool = False,
        run_id: str = "",
    ) -> None:
        self._database = database
        self._generation = database.generation
        self._key = key
        self._by_command_line = by_command_line
        self.run_id = run_id
        self.instance_id = str(uuid.uuid4())
        self.listeners: list[Callable[[Mapping[str, object]], None]] = []

    def free_text(self, text: str) -> str:
        """Return free text as this generation stores it inside `details`."""
        hide = self._generation.redacts_audit_details and not self._by_command_line
        return redact_value(text) if hide else text

    def write(self, row: AuditRow) -> bool:
        """Store a row; returns False where the database was locked (the row is lost)."""
        columns = self.columns_of(row)
        try:
            with self._database.write() as connection:
                self._database.insert(connection, "audit_events", columns)
        except sqlite3.OperationalError:
            return False
        self.announce(columns)
        return True

    def announce(self, columns: Mapping[str, object]) -> None:
        """Hand a stored row to the listeners."""
        for listener in self.listeners:
            listener(columns)

    def columns_of(self, row: AuditRow) -> dict[str, object]:
        """Return the columns of `audit_events` for a row."""
        stamp = row.timestamp or (isoformat if self._by_command_line else rfc3339)(row.at)
        columns: dict[str, object] = {
            "id": row.id,
            "timestamp": stamp,
            "action": row.action,
            "target": row.target,
            "actor": row.actor,
            "details": row.details,
            "severity": row.severity,
        }
        if self._generation.seals_rows and self._key:
            return {**columns, **self._shared(row), **self._sealed(row, stamp, self._key)}
        if self._by_command_line:
            named = row.run_id or self.run_id
            return {**columns, "run_id": named or None, "connector": row.connector or None}
        structured = json.dumps(row.structured) if row.structured is not None else None
        return {**columns, "structured_json": structured, **self._shared(row)}

    def _shared(self, row: AuditRow) -> dict[str, object]:
        values: dict[str, object] = {
            "run_id": row.run_id or self.run_id,
            "request_id": row.request_id,
            "connector": row.connector,
            "session_id": row.session_id,
            "turn_id": row.turn_id,
            "agent_name": row.agent_name,
            "tool_name": row.tool_name,
            "tool_id": row.tool_id,
            "scan_id": row.scan_id,
            "finding_id": row.finding_id,
            "evaluation_id": row.evaluation_id,
            "step_idx": row.step_idx,
            "enforced": row.enforced,
            "schema_version": 7,
            "content_hash": CONFIG_DIGEST,
            "generation": 1 if self._generation.seals_rows else 0,
            "binary_version": "dev",
            "sidecar_instance_id": self.instance_id,
        }
        return {name: value for name, value in values.items() if value not in ("", None)}

    def _sealed(self, row: AuditRow, stamp: str, key: SealingKey) -> dict[str, object]:
        family = row.family or family_of(row)
        record = self._record(row, family, stamp)
        payload = compact(family.body)
        columns: dict[str, object] = {
            "bucket": family.bucket,
            "event_name": family.name,
            "payload_json": payload,
            "source": row.source,
            "signal": "logs",
            "bucket_catalog_version": 1,
            "mandatory": int(family.mandatory),
            **sealed_columns(record, key),
        }
        if row.structured is not None:
            columns["structured_json"] = compact(row.structured)
        if not family.is_legacy:
            columns |= {
                "actor": family.producer,
                "details": family.name,
                "target": None,
                "structured_json": payload,
            }
        return columns

    def _record(self, row: AuditRow, family: Family, stamp: str) -> dict[str, object]:
        record: dict[str, object] = {
            "action": row.action,
            "body": dict(family.body),
            "bucket": family.bucket,
            "bucket_catalog_version": 1,
            "correlation": self._correlation(row),
            "event_name": family.name,
            "field_classes": {f"/{name}": _field_class(name) for name in family.body},
            "mandatory": family.mandatory,
            "observed_at": stamp,
            "provenance": {
                "binary_version": "dev",
                "config_digest": CONFIG_DIGEST,
                "config_generation": 1,
                "producer": family.producer,
                "registry_schema_version": 1,
            },
            "record_id": row.id,
            "schema_version": 1,
            "severity": row.severity,
            "signal": "logs",
            "source": row.source,
            "timestamp": stamp,
        }
        if row.severity == "INFO":
            record["log_level"] = "INFO"
        optional = {
            "connector": row.connector, "outcome": family.outcome, "phase": family.phase,
        }  # fmt: skip
        return {**record, **{name: value for name, value in optional.items() if value}}

    def _correlation(self, row: AuditRow) -> dict[str, str]:
        pairs = {
            "connector_id": row.connector,
            "evaluation_id": row.evaluation_id,
            "finding_occurrence_id": row.finding_id,
            "request_id": row.request_id,
            "run_id": row.run_id or self.run_id,
            "scan_id": row.scan_id,
            "session_id": row.session_id,
            "sidecar_instance_id": self.instance_id,
            "turn_id": row.turn_id,
        }
        return {name: value for name, value in pairs.items() if value}


def _field_class(name: str) -> str:
    last = name.rpartition(".")[2]
    if last in ("title", "description", "evidence_summary"):
        return "evidence"
    if last in ("details", "target", "structured_json", "reason"):
        return "content"
    return "identifier" if name.endswith(("_ref", ".id", "_id", "actor")) else "metadata"
