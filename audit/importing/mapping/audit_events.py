"""`audit_events`, of every generation."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from audit.importing import defenseclaw_seals, foreign_json
from audit.importing.mapping import outcomes, row_actors, severities, targets
from audit.importing.mapping.mapped_facts import Facts, changes_of, codes, opaque, reason_of
from audit.importing.source_row_identity import SourceRow

_CODES: Final = (
    "run_id",
    "trace_id",
    "turn_id",
    "evaluation_id",
    "scan_id",
    "finding_id",
    "enforcement_action_id",
    "policy_id",
    "connector",
    "tool_name",
    "step_idx",
    "enforced",
    "bucket",
    "event_name",
    "redaction_profile",
)
PUSHED_RECORD: Final = "pushed_record_json"
"""Where a pushed row has the record of HEAD; no seal comes with it."""
_SCAN: Final = "defenseclaw.scan.id"


def facts(row: SourceRow, time: datetime, key: defenseclaw_seals.Key | None) -> Facts:
    """What an audit row says."""
    record = foreign_json.load_object(row.text(defenseclaw_seals.RECORD) or row.text(PUSHED_RECORD))
    body = _body(row, record)
    structured = foreign_json.load_object(row.text("structured_json"))
    details = row.text("details")
    parsed = foreign_json.load_object(details)
    action = row.text("action")
    kind, name = targets.of_event(action, row.text("target"), details, body, parsed)
    if not name and body.get(_SCAN):
        kind, name = _scanned(row, body)
    claim = row_actors.resolve(
        body, parsed, row.text("actor"), action=action, source=row.text("source")
    )
    facts = Facts(
        time=time,
        action=action,
        severity=severities.of(
            row.text("severity"), (details, row.text("structured_json"), row.text("payload_json"))
        ),
        claim=claim,
        outcome=outcomes.of_event(action, record, structured, details),
        kind=kind,
        name=name,
        agent=opaque(row.text("agent_name") or row.text("agent_id")),
        session=opaque(row.text("session_id")),
        request=opaque(row.text("request_id")),
        reason=_reason(details, parsed, body),
        changes=_changes(body, parsed),
        data=codes(row.values, *_CODES)
        | _v8_source(row)
        | seal_notes(row, record, key)
        | _pushed(row, named=bool(name) or not body.get(_SCAN)),
    )
    if details and not parsed and details != row.text("event_name"):
        facts.private["details"] = details
    if payload := structured or parsed or _typed(record, body):
        facts.private["payload"] = payload
    return facts


def _scanned(row: SourceRow, body: Mapping[str, Any]) -> tuple[str, str]:
    """What a scan was of, as the gateway's database has it; only its kind where that says nothing.

    HEAD pushes scans and findings without the name of what was scanned.
    """
    scanner, target = str(body.get("defenseclaw.scan.scanner", "")), row.joined.get("target")
    kind, name = targets.of_scan(scanner, target if isinstance(target, str) else "")
    return kind if name or kind in targets.ASSETS else "", name


def _pushed(row: SourceRow, *, named: bool) -> dict[str, Any]:
    """How a pushed row arrived, and whether it says what was scanned."""
    form = row.joined.get("form")
    if not isinstance(form, str):
        return {}
    found = {"rail": form.partition(":")[0]}
    return found if named else found | {"target_name": "not_pushed"}


def _typed(record: Mapping[str, Any], body: Mapping[str, Any]) -> Mapping[str, Any]:
    """The body of a schema-derived family; a legacy one only repeats the columns."""
    return {} if str(record.get("event_name", "")).startswith("legacy.audit.") else body


def _body(row: SourceRow, record: Mapping[str, Any]) -> dict[str, Any]:
    body = record.get("body")
    return body if isinstance(body, dict) else foreign_json.load_object(row.text("payload_json"))


def _v8_source(row: SourceRow) -> dict[str, Any]:
    # `source` is a field of ours with another meaning.
    found = codes(row.values, "source")
    return {"reported_source": found["source"]} if found else {}


def seal_notes(
    row: SourceRow, record: Mapping[str, Any], key: defenseclaw_seals.Key | None
) -> dict[str, Any]:
    """Whether the seal of a row verifies, and in which columns the row differs from it."""
    if PUSHED_RECORD in row.values:
        return {}  # the seal stays in the gateway's database
    status = defenseclaw_seals.status(row.values, key)
    if status == defenseclaw_seals.NOT_PROJECTED and "bucket" not in row.values:
        return {}  # generations 0 and 7 seal nothing
    different = defenseclaw_seals.mismatches(row.values, record) if record else []
    return {"integrity": status} | ({"mismatches": different} if different else {})


def _reason(details: str, parsed: Mapping[str, Any], body: Mapping[str, Any]) -> str:
    admin = body.get("defenseclaw.admin.reason")
    return admin if isinstance(admin, str) and admin else reason_of(details, parsed)


def _changes(body: Mapping[str, Any], parsed: Mapping[str, Any]) -> dict[str, Any] | None:
    return changes_of(
        body.get("defenseclaw.admin.before_state") or parsed.get("before"),
        body.get("defenseclaw.admin.after_state") or parsed.get("after"),
    )
