"""Which rows are reported whole, and which of their columns: everything else stays at the gateway.

A row that is on no list only counts in a range (`row_ranges`). Prompts, arguments of tools, file
contents, findings' descriptions and configuration before and after a change are on no list.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any, Final

from ata.outpost.audit_database import Row
from audit.ledger.format.canonical import canonical

LARGEST: Final = 64 * 2**10
"""Bytes of a reported row; a larger one only counts in its range."""
_LONGEST: Final = 500
_WHOLE: Final = 2**53 - 1
_HIGH: Final = frozenset({"HIGH", "CRITICAL"})
_OF_COMPONENTS: Final = frozenset({"skill-scanner", "plugin-scanner", "mcp-scanner"})
"""Each scan by these is reported: a clean one ends what an earlier one found."""
_SCANNERS: Final = _OF_COMPONENTS | {"hook-rules"}
"""Those whose targets and titles name components and rules, not what an agent wrote."""

_ACTS: Final = re.compile(
    r"(?:api-)?(?:skill|plugin|tool|mcp)-"
    r"(?:block|unblock|allow|enable|disable|quarantine|restore|set|unset|install|remove)"
    r"|(?:block|unblock|allow|watcher-block|sidecar-watcher-block)-mcp"
    r"|api-enforce-(?:block|unblock|allow)|install-(?:skill|plugin|rejected)"
    r"|watcher-block|sidecar-watcher-disable(?:-plugin)?|quarantine|restore"
    r"|(?:acknowledge|dismiss)-alert|alert\.acknowledgement\.requested"
    r"|init(?:-gateway)?|bootstrap|setup-[a-z-]{1,40}|config-update|config\.change\.applied"
    r"|guardrail-(?:config-reload|enable|disable|fail-mode|hilt|block-message)|api-config-patch"
    r"|connector-hook-tampered|judge-hooks|(?:policy|registry)-[a-z-]{1,40}|api-auth-failure"
    r"|sidecar-st(?:art|op)"
)
"""Administrative acts: a person, or the gateway, changes what agents may do."""

_EVENT: Final = (
    *("id", "timestamp", "action", "actor", "severity", "event_name", "source", "run_id"),
    *("request_id", "session_id", "trace_id", "turn_id", "evaluation_id", "scan_id", "finding_id"),
    *("enforcement_action_id", "policy_id", "connector", "agent_name", "agent_id", "tool_name"),
    *("step_idx", "enforced", "redaction_profile"),
)
_ACT: Final = (*_EVENT, "target", "details")
_SCAN: Final = (
    *("id", "timestamp", "scanner", "duration_ms", "finding_count", "max_severity", "verdict"),
    *("exit_code", "run_id", "request_id", "session_id", "trace_id", "agent_id", "evaluation_id"),
)
_FINDING: Final = (
    *("id", "timestamp", "scan_id", "scanner", "severity", "rule_id", "category", "line_number"),
    *("confidence", "run_id", "request_id", "session_id", "agent_id", "evaluation_id"),
)
_ACTIVITY: Final = (
    *("id", "timestamp", "actor", "action", "target_type", "target_id", "reason"),
    *("version_from", "version_to", "request_id", "trace_id", "run_id"),
)
_ACKNOWLEDGEMENT: Final = (
    *("operation_id", "alert_id", "requested_disposition", "actor", "outcome"),
    *("expected_projection_version", "projection_version_before", "projection_version_after"),
    *("rejection_reason", "event_id", "created_at"),
)
_PAYLOAD: Final = frozenset(
    [
        *("actor", "target", "target_type", "operation", "operation_id", "outcome"),
        *("requested_disposition", "expected_projection_version", "observed_projection_version"),
        *("projection_version_before", "projection_version_after", "target_event_id"),
        *("defenseclaw.admin.operation", "defenseclaw.admin.actor_ref"),
        *("defenseclaw.admin.principal_ref", "defenseclaw.admin.origin"),
        *("defenseclaw.admin.reason", "defenseclaw.admin.target_ref"),
        *("defenseclaw.asset.id", "defenseclaw.asset.name", "defenseclaw.asset.type"),
        *("defenseclaw.asset.target_path", "defenseclaw.asset.transition"),
        *("defenseclaw.enforcement.id", "defenseclaw.enforcement.initiator"),
        *("defenseclaw.enforcement.requested_action", "defenseclaw.enforcement.effective_action"),
        "defenseclaw.enforcement.resulting_state",
        *("defenseclaw.health.state", "defenseclaw.health.subsystem"),
    ]
)
_VERDICT: Final = frozenset(
    [
        *("defenseclaw.scan.id", "defenseclaw.scan.scanner", "defenseclaw.scan.severity_max"),
        *("defenseclaw.scan.finding_count", "defenseclaw.scan.verdict"),
        *("defenseclaw.scan.target_type", "defenseclaw.finding.id", "defenseclaw.finding.rule_id"),
        *("defenseclaw.finding.category", "defenseclaw.guardrail.effective_action"),
        *("defenseclaw.guardrail.raw_action", "defenseclaw.guardrail.mode"),
        *("defenseclaw.guardrail.would_block", "defenseclaw.guardrail.enforced"),
        *("defenseclaw.hook.event", "defenseclaw.security.severity"),
    ]
)


def reported(row: Row) -> dict[str, Any] | None:
    """A row as a report has it, with the columns that are on its list; None where it is on none."""
    fields = _fields(row)
    if not fields:
        return None
    values = {name: cell(row.values[name]) for name in fields if _can_be_sent(row, name)}
    allowed = _PAYLOAD if _is_act(row) else _VERDICT
    if row.table == "audit_events":
        for column in ("payload_json", "structured_json"):
            if kept := _named(row.values.get(column), allowed):
                values[column] = kept
    said: dict[str, Any] = {"table": row.table, "rowid": row.number, "row": values}
    scan = {name: value for name, value in row.scan.items() if _is_plain(value)}
    if "target" not in fields:
        scan.pop("target", None)
    if scan:
        said["scan"] = scan
    return said if len(canonical(said)) <= LARGEST else None


def cell(value: Any) -> str | int | dict[str, str]:
    """A value of SQLite as reports write it."""
    match value:
        case bytes():
            return {"$hex": value.hex()}
        case float():
            return {"$real": repr(value)}
        case int():
            return value if abs(value) <= _WHOLE else str(value)
    text = str(value)
    return text if _is_plain(text) else {"$text": text.encode("utf-8", "surrogateescape").hex()}


def _fields(row: Row) -> tuple[str, ...]:
    match row.table:
        case "audit_events":
            return _event_fields(row)
        case "activity_events":
            return _ACTIVITY
        case "alert_acknowledgement_operations":
            return _ACKNOWLEDGEMENT
        case "scan_results" if row.values.get("scanner") in _OF_COMPONENTS:
            return (*_SCAN, "target")
        case "scan_results" if row.values.get("max_severity") in _HIGH:
            return (*_SCAN, "target") if _names_components(row) else _SCAN
        case "findings" | "scan_findings" if row.values.get("severity") in _HIGH:
            return (*_FINDING, "target", "title") if _names_components(row) else _FINDING
    return ()


def _event_fields(row: Row) -> tuple[str, ...]:
    if _is_act(row):
        return _ACT
    if row.values.get("severity") not in _HIGH:
        return ()
    # The row of a scan is a summary: what was scanned, and how many findings.
    return _ACT if row.values.get("action") == "scan" else _EVENT


def _is_act(row: Row) -> bool:
    action = row.values.get("action")
    return isinstance(action, str) and _ACTS.fullmatch(action) is not None


def _can_be_sent(row: Row, name: str) -> bool:
    value = row.values.get(name)
    return value is not None and not (isinstance(value, float) and not math.isfinite(value))


def _names_components(row: Row) -> bool:
    return str(row.values.get("scanner") or row.scan.get("scanner") or "") in _SCANNERS


def _named(text: Any, allowed: frozenset[str]) -> str:
    """The members of a JSON object that are on the list, as JSON; empty where there is none."""
    if not isinstance(text, str) or len(text) > LARGEST:
        return ""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return ""
    if not isinstance(found, Mapping):
        return ""
    kept = {n: v for n, v in found.items() if n in allowed and _is_short(v)}
    return canonical(kept).decode() if kept else ""


def _is_short(value: Any) -> bool:
    if isinstance(value, bool):
        return True
    if isinstance(value, int):
        return abs(value) <= _WHOLE
    return _is_plain(value) and len(value) <= _LONGEST


def _is_plain(value: Any) -> bool:
    """Whether a value is text that every reader of JSON takes: UTF-8, no NUL."""
    if not isinstance(value, str) or "\0" in value:
        return False
    return not any("\ud800" <= char <= "\udfff" for char in value)
