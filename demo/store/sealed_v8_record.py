"""The canonical v8 record of an audit row, its hash and its keyed seal.

DefenseClaw stores each row twice: as plain columns and as one JSON record
(``projected_record_json``). Only the record is sealed:
``projection_hash = "sha256:" + hex(SHA-256(record))`` and ``payload_hmac`` =
HMAC-SHA256(key, label NUL algorithm NUL key id NUL record), the key being the 32 bytes of
``redaction-correlation.key`` and its id the first 12 hex digits of their SHA-256.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from demo.defenseclaw_action_buckets import bucket_of
from demo.store.instant import go_text

BINARY_VERSION: Final = "0.8.10"
CONFIG_DIGEST: Final = hashlib.sha256(b"DEMO configuration, generation 1").hexdigest()
KEY_FILE: Final = "redaction-correlation.key"
_LABEL: Final = b"defenseclaw-observability-projection-integrity-v1"
_ALGORITHM: Final = "hmac-sha256"

_ENCODER: Final = json.JSONEncoder(separators=(",", ":"), sort_keys=True, ensure_ascii=False)

type Json = bool | int | float | str | list[Json] | dict[str, Json] | None

_IDENTIFIERS: Final = ("_ref", ".id", "_id", "actor", "scanner", "address", "fingerprint", "_code")
_CONTENT: Final = ("details", "target", "structured_json", "reason")
_EVIDENCE: Final = ("title", "description", "evidence_summary")


@dataclass(frozen=True, slots=True)
class Typed:
    """What a schema-derived event family adds to a row: its name, phase, outcome and body."""

    event_name: str
    body: Mapping[str, Json]
    phase: str = ""
    outcome: str = ""
    producer: str = "audit_logger"
    bucket: str = ""
    mandatory: bool = False


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One audit row before it takes the shape of a generation. ``at`` is nanoseconds, UTC."""

    id: str
    at: int
    action: str
    target: str = ""
    details: str = ""
    severity: str = "INFO"
    actor: str = "defenseclaw"
    source: str = "operator_api"
    structured: Mapping[str, Json] | None = None
    connector: str = ""
    session_id: str = ""
    agent: str = ""
    run_id: str = ""
    request_id: str = ""
    trace_id: str = ""
    tool_name: str = ""
    policy_id: str = ""
    step_idx: int | None = None
    enforced: int | None = None
    scan_id: str = ""
    finding_id: str = ""
    enforcement_action_id: str = ""
    typed: Typed | None = field(default=None)


@dataclass(frozen=True, slots=True)
class Seal:
    """The key an instance seals its records with."""

    key: bytes = field(repr=False)
    key_id: str

    @classmethod
    def from_key(cls, key: bytes) -> Seal:
        """Make a seal from the 32 raw key bytes; raises ValueError for any other length."""
        if len(key) != 32:
            raise ValueError(f"{KEY_FILE} must hold exactly 32 bytes, not {len(key)}")
        return cls(key, hashlib.sha256(key).hexdigest()[:12])

    @classmethod
    def load_or_create(cls, folder: Path, fresh: bytes) -> Seal:
        """Read the key in ``folder``, or store ``fresh`` there (mode 0600) and use it."""
        path = folder / KEY_FILE
        if not path.exists():
            path.touch(mode=0o600)
            path.write_bytes(fresh)
        return cls.from_key(path.read_bytes())

    def sign(self, record: bytes) -> str:
        """Return the hexadecimal HMAC-SHA256 over ``record``."""
        prefix = (_LABEL, _ALGORITHM.encode(), self.key_id.encode())
        message = b"\0".join((*prefix, record))
        return hmac.digest(self.key, message, "sha256").hex()

    def fingerprint(self, command: str) -> str:
        """Return the keyed fingerprint of an alert command, as v8 stores it."""
        digest = hmac.digest(self.key, command.encode(), "sha256").hex()
        return f"hmac-sha256:v1:{self.key_id}:{digest}"


def compact(value: object) -> str:
    """Return compact JSON with sorted keys, the form DefenseClaw stores."""
    return _ENCODER.encode(value)


def event_row(entry: LogEntry, seal: Seal) -> dict[str, object]:
    """Return the v8 ``audit_events`` columns of ``entry``, sealed."""
    record = _record(entry)
    record_json = _dump(record)
    raw = record_json.encode()
    payload = compact(record["body"])
    typed = entry.typed
    return {
        "id": entry.id,
        "timestamp": go_text(entry.at),
        "action": entry.action,
        "target": entry.target or None,
        "actor": typed.producer if typed else entry.actor,
        "details": typed.event_name if typed else entry.details,
        "structured_json": payload if typed else _structured(entry),
        "severity": entry.severity,
        **_correlation_columns(entry),
        "schema_version": 7,
        "content_hash": CONFIG_DIGEST,
        "generation": 1,
        "binary_version": BINARY_VERSION,
        "bucket": record["bucket"],
        "event_name": record["event_name"],
        "source": entry.source,
        "signal": "logs",
        "bucket_catalog_version": 1,
        "payload_json": payload,
        "projected_record_json": record_json,
        "record_schema_version": 1,
        "projection_hash": f"sha256:{hashlib.sha256(raw).hexdigest()}",
        "redaction_profile": "none",
        "mandatory": int(bool(record["mandatory"])),
        "payload_hmac": seal.sign(raw),
        "integrity_algorithm": _ALGORITHM,
        "integrity_key_id": seal.key_id,
        "retention_timestamp_unix_nano": entry.at,
    }


def _correlation_columns(entry: LogEntry) -> dict[str, object]:
    agent_known = bool(entry.agent)
    return {
        "run_id": entry.run_id or None,
        "trace_id": entry.trace_id or None,
        "request_id": entry.request_id or None,
        "session_id": entry.session_id or None,
        "agent_name": entry.agent if agent_known and entry.typed is None else None,
        "agent_instance_id": f"ai-{entry.session_id}" if entry.session_id else None,
        "agent_id": f"agent-{entry.agent}" if agent_known else None,
        "policy_id": entry.policy_id or None,
        "tool_name": entry.tool_name or None,
        "connector": entry.connector or None,
        "step_idx": entry.step_idx,
        "enforced": entry.enforced,
        "scan_id": entry.scan_id or None,
        "finding_id": entry.finding_id or None,
        "enforcement_action_id": entry.enforcement_action_id or None,
    }


def _record(entry: LogEntry) -> dict[str, Json]:
    typed = entry.typed or Typed(
        event_name=f"legacy.audit.{entry.action.replace('-', '.')}",
        body=_legacy_body(entry),
        phase="persistence",
    )
    stamp = go_text(entry.at)
    record: dict[str, Json] = {
        "action": entry.action,
        "body": dict(typed.body),
        "bucket": typed.bucket or bucket_of(entry.action),
        "bucket_catalog_version": 1,
        "correlation": _correlation(entry),
        "event_name": typed.event_name,
        "field_classes": {f"/{key}": _field_class(key) for key in typed.body},
        "mandatory": typed.mandatory,
        "observed_at": stamp,
        "provenance": {
            "binary_version": BINARY_VERSION,
            "config_digest": CONFIG_DIGEST,
            "config_generation": 1,
            "producer": typed.producer,
            "registry_schema_version": 1,
        },
        "record_id": entry.id,
        "schema_version": 1,
        "severity": entry.severity,
        "signal": "logs",
        "source": entry.source,
        "timestamp": stamp,
    }
    optional = {"connector": entry.connector, "outcome": typed.outcome, "phase": typed.phase}
    record.update({key: value for key, value in optional.items() if value})
    if entry.severity == "INFO":
        record["log_level"] = "INFO"
    return record


# The projection block keeps its own key order, so it is spliced in as text.
_PROJECTION: Final = (
    '{"redaction_profile":"none","detector_catalog_version":1,"state":"raw",'
    '"transformed_fields":0,"removed_fields":0,"oversize_fields":0,"failure_count":0,'
    '"failures_truncated":false}'
)


def _dump(record: dict[str, Json]) -> str:
    text = compact({**record, "projection": None})
    # The last one is ours: what sorts after it are fixed names and values.
    before, _, after = text.rpartition('"projection":null')
    return f'{before}"projection":{_PROJECTION}{after}'


def _legacy_body(entry: LogEntry) -> dict[str, Json]:
    body: dict[str, Json] = {"actor": entry.actor, "details": entry.details}
    if entry.target:
        body["target"] = entry.target
    if entry.structured is not None:
        body["structured_json"] = compact(entry.structured)
    return body


def _structured(entry: LogEntry) -> str | None:
    return None if entry.structured is None else compact(entry.structured)


def _correlation(entry: LogEntry) -> dict[str, Json]:
    agent = entry.agent
    pairs = {
        "agent_id": f"agent-{agent}" if agent else "",
        "agent_instance_id": f"ai-{entry.session_id}" if entry.session_id else "",
        "connector_id": entry.connector,
        "enforcement_action_id": entry.enforcement_action_id,
        "finding_occurrence_id": entry.finding_id,
        "request_id": entry.request_id,
        "run_id": entry.run_id,
        "scan_id": entry.scan_id,
        "session_id": entry.session_id,
        "trace_id": entry.trace_id,
    }
    return {key: value for key, value in pairs.items() if value}


def _field_class(key: str) -> str:
    last = key.rpartition(".")[2]
    if last in _EVIDENCE:
        return "evidence"
    if key.endswith(_IDENTIFIERS):
        return "identifier"
    return "content" if last in _CONTENT else "metadata"
