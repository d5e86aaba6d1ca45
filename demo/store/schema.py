"""Tables of a DefenseClaw ``audit.db``, column by column, for the three generations.

Generation 0 is release 0.2.0, generation 7 is what the Python command line of 0.8.4 makes,
generation 8 is what a current gateway makes. A column is ``name:T`` with T text, I integer,
D date and time (stored as text), R real; ``!`` is NOT NULL, ``=x`` the default, ``*`` the
primary key. Generation 8 leaves out the correlation and guardrail-chain tables, which hold
no audit evidence.
"""

from __future__ import annotations

from typing import Final, Literal

type Generation = Literal[0, 7, 8]

_TYPES: Final = {"T": "TEXT", "I": "INTEGER", "D": "DATETIME", "R": "REAL"}

_ACTIONS: Final = (
    "id:T* target_type:T! target_name:T! source_path:T actions_json:T!='{}' reason:T updated_at:D!"
)
_FINDINGS: Final = (
    "id:T* scan_id:T! severity:T! title:T! description:T location:T remediation:T scanner:T! tags:T"
)
_SCANS: Final = (
    "id:T* scanner:T! target:T! timestamp:D! duration_ms:I finding_count:I max_severity:T "
    "raw_json:T"
)
_STAMP: Final = "schema_version:I content_hash:T generation:I binary_version:T"
_EGRESS: Final = (
    "id:T* timestamp:D! session_id:T hostname:T! url:T http_method:T protocol:T "
    "policy_outcome:T! decision_code:T blocked:I!=0 severity:T!='INFO' details:T"
)
_ACTIVITY: Final = (
    "id:T* timestamp:D! actor:T! action:T! target_type:T! target_id:T! reason:T before_json:T "
    "after_json:T diff_json:T version_from:T version_to:T request_id:T trace_id:T run_id:T "
    f"{_STAMP} agent_id:T sidecar_instance_id:T"
)
_SINKS: Final = (
    "id:T* timestamp:D! sink_name:T! sink_kind:T! outcome:T! status_code:I latency_ms:I "
    f"batch_size:I error:T queue_depth:I dropped_count:I {_STAMP} sidecar_instance_id:T"
)
_SNAPSHOTS: Final = (
    "id:T* target_type:T! target_path:T! content_hash:T! dependency_hashes:T config_hashes:T "
    "network_endpoints:T scan_id:T captured_at:D!"
)
_RETENTION: Final = "retention_timestamp_unix_nano:I"

_EVENTS_0: Final = (
    "id:T* timestamp:D! action:T! target:T actor:T!='defenseclaw' details:T severity:T"
)
_EVENTS_7: Final = (
    "id:T* timestamp:D! action:T! target:T actor:T!='defenseclaw' details:T structured_json:T "
    "severity:T run_id:T connector:T step_idx:I enforced:I rule_pack_dir:T"
)
_EVENTS_8: Final = (
    "id:T* timestamp:D! action:T! target:T actor:T!='defenseclaw' details:T structured_json:T "
    "severity:T run_id:T trace_id:T request_id:T session_id:T agent_name:T agent_instance_id:T "
    f"policy_id:T destination_app:T tool_name:T tool_id:T {_STAMP} agent_id:T "
    "sidecar_instance_id:T connector:T step_idx:I enforced:I rule_pack_dir:T bucket:T "
    "event_name:T source:T signal:T bucket_catalog_version:I payload_json:T "
    "projected_record_json:T record_schema_version:I projection_hash:T redaction_profile:T "
    "mandatory:I turn_id:T evaluation_id:T scan_id:T finding_id:T enforcement_action_id:T "
    f"payload_hmac:T integrity_algorithm:T integrity_key_id:T {_RETENTION}"
)

TABLES: Final[dict[Generation, dict[str, str]]] = {
    0: {
        "actions": _ACTIONS,
        "audit_events": _EVENTS_0,
        "findings": _FINDINGS,
        "scan_results": _SCANS,
    },
    7: {
        "actions": f"{_ACTIONS} connector:T!=''",
        "activity_events": _ACTIVITY,
        "audit_events": _EVENTS_7,
        "findings": _FINDINGS,
        "network_egress_events": _EGRESS,
        "scan_results": f"{_SCANS} run_id:T",
        "sink_health": _SINKS,
        "target_snapshots": _SNAPSHOTS,
    },
    8: {
        "actions": f"{_ACTIONS} {_STAMP} sidecar_instance_id:T connector:T!=''",
        "activity_events": f"{_ACTIVITY} {_RETENTION}",
        "alert_acknowledgement_baselines": (
            "alert_id:T* baseline_version:I! disposition:T! actor:T! disposition_at:D! "
            "legacy_event_id:T! raw_legacy_severity:T! legacy_original_severity:T! "
            "timestamp_provenance:T! created_at:D!"
        ),
        "alert_acknowledgement_health": "alert_id:T* code:T! health_event_id:T! detected_at:D!",
        "alert_acknowledgement_operations": (
            "operation_id:T* command_fingerprint:T! alert_id:T! requested_disposition:T! actor:T! "
            "expected_projection_version:I! outcome:T! rejection_reason:T "
            "observed_projection_version:I! projection_version_before:I! "
            "projection_version_after:I! event_id:T! created_at:D!"
        ),
        "alert_acknowledgement_projection": (
            "alert_id:T* disposition:T! actor:T! disposition_at:D! projection_version:I! "
            "source:T! source_event_id:T! updated_at:D!"
        ),
        "audit_events": _EVENTS_8,
        "findings": (
            f"{_FINDINGS} rule_id:T line_number:I {_STAMP} agent_id:T sidecar_instance_id:T"
        ),
        "network_egress_events": (
            f"{_EGRESS} {_STAMP} sidecar_instance_id:T connector:T agent_id:T "
            "agent_lifecycle_id:T agent_execution_id:T user_id:T tool_id:T root_agent_id:T "
            f"parent_agent_id:T root_session_id:T {_RETENTION}"
        ),
        "scan_findings": (
            "id:T* scan_id:T! scanner:T! target:T! rule_id:T category:T severity:T! title:T "
            "description:T location:T line_number:I remediation:T tags:T timestamp:D! run_id:T "
            "request_id:T session_id:T agent_id:T agent_instance_id:T sidecar_instance_id:T "
            f"{_STAMP} data_axis:T tool_capability_class:T content_fingerprint:T "
            "external_endpoint:T turn_id:I decision_path:T confidence:R evaluation_id:T "
            f"{_RETENTION} evidence_summary:T"
        ),
        "scan_results": (
            f"{_SCANS} run_id:T verdict:T exit_code:I error:T {_STAMP} agent_id:T "
            "agent_instance_id:T sidecar_instance_id:T session_id:T request_id:T trace_id:T "
            f"evaluation_id:T {_RETENTION}"
        ),
        "schema_version": "version:I* applied_at:D!",
        "sink_health": f"{_SINKS} {_RETENTION}",
        "target_snapshots": (
            f"{_SNAPSHOTS} schema_version:I generation:I binary_version:T "
            "sidecar_instance_id:T scanner_fingerprint:T!=''"
        ),
    },
}

EVIDENCE_TABLES: Final = (
    "audit_events",
    "activity_events",
    "scan_results",
    "findings",
    "scan_findings",
    "network_egress_events",
    "alert_acknowledgement_operations",
)
"""The tables whose rows are evidence and are imported by an auditor."""

_IMMUTABLE: Final = ("operations", "baselines")
_INDEXES: Final = (
    "CREATE INDEX idx_audit_timestamp ON audit_events(timestamp)",
    "CREATE INDEX idx_audit_action ON audit_events(action)",
)
_UNIQUE_ACTIONS: Final[dict[Generation, str]] = {
    0: "CREATE UNIQUE INDEX idx_actions_type_name ON actions(target_type, target_name)",
    7: "CREATE UNIQUE INDEX idx_actions_type_name_conn "
    "ON actions(target_type, target_name, connector)",
    8: "CREATE UNIQUE INDEX idx_actions_type_name_conn "
    "ON actions(target_type, target_name, connector)",
}
MIGRATIONS_AT_HEAD: Final = 33


def columns(generation: Generation, table: str) -> tuple[str, ...]:
    """Return the column names of ``table`` in stored order."""
    return tuple(spec.partition(":")[0] for spec in TABLES[generation][table].split())


def statements(generation: Generation) -> list[str]:
    """Return the SQL that makes an empty database of ``generation``."""
    made = [_create(name, spec) for name, spec in TABLES[generation].items()]
    made += [_UNIQUE_ACTIONS[generation], *_INDEXES]
    if generation == 8:
        made += [_append_only(name, verb) for name in _IMMUTABLE for verb in ("UPDATE", "DELETE")]
        made += ["CREATE INDEX idx_audit_request_id ON audit_events(request_id)"]
    return made


def _create(table: str, spec: str) -> str:
    return f"CREATE TABLE {table} ({', '.join(_column(part) for part in spec.split())})"


def _column(spec: str) -> str:
    name, _, rest = spec.partition(":")
    kind, _, default = rest.partition("=")
    sql = f"{name} {_TYPES[kind[0]]}"
    if "*" in kind:
        sql += " PRIMARY KEY"
    if "!" in kind:
        sql += " NOT NULL"
    return f"{sql} DEFAULT {default}" if default else sql


def _append_only(name: str, verb: str) -> str:
    table = f"alert_acknowledgement_{name}"
    return (
        f"CREATE TRIGGER alert_ack_{name}_no_{verb.lower()} BEFORE {verb} ON {table} "
        f"BEGIN SELECT RAISE(ABORT, 'alert acknowledgement {name} history is immutable'); END"
    )
