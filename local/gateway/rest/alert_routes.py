"""Alerts, their disposition, and rows that a client hands in."""

from __future__ import annotations

import json
import sqlite3
from http import HTTPStatus
from typing import Any, Final

from local.gateway.audit.log import AuditRow
from local.gateway.gateway import Gateway
from local.gateway.rest import alert_dispositions, command_line_intake
from local.gateway.rest.calls_and_replies import BadRequest, Call, Reply
from local.gateway.rest.enforcement_routes import json_object

_LIMIT: Final = 500
_TEXTS: Final = ("target", "actor", "severity", "id", "timestamp")
_LATER_TEXTS: Final = (
    *_TEXTS, "run_id", "request_id", "session_id", "connector", "agent_name", "tool_name"
)  # fmt: skip


def alerts(gateway: Gateway, call: Call) -> Reply:
    """List audit rows, newest first: all of them before HEAD, HEAD only those to dispose of."""
    text = call.query.get("limit", ["50"])[0]
    if not text.isdecimal() or int(text) <= 0:
        raise BadRequest("limit must be a positive integer")
    limit = int(text)
    if gateway.generation.needs_token:
        limit = min(limit, _LIMIT)
    if gateway.generation.seals_rows:
        rows = alert_dispositions.open_alerts(gateway, limit)
    else:
        with gateway.database.read() as connection:
            sql = "SELECT * FROM audit_events ORDER BY timestamp DESC LIMIT ?"
            rows = connection.execute(sql, (limit,)).fetchall()
    return Reply(HTTPStatus.OK, [_alert(row) for row in rows])


def _alert(row: sqlite3.Row) -> dict[str, Any]:
    names = ("id", "timestamp", "action", "target", "actor", "details", "severity", "run_id",
             "request_id")  # fmt: skip
    present = row.keys()
    event: dict[str, Any] = {
        name: row[name] for name in names if name in present and row[name] is not None
    }
    if "structured_json" in present and row["structured_json"]:
        event["structured"] = json.loads(row["structured_json"])
    return event


def audit_event(gateway: Gateway, call: Call) -> Reply:
    """Store a row as the caller wrote it: any actor, id, time and action."""
    body = json_object(call)
    action = body.get("action")
    if not isinstance(action, str) or not action:
        raise BadRequest("action is required")
    names = _LATER_TEXTS if gateway.generation.entries_per_agent else _TEXTS
    given: dict[str, Any] = {name: str(body[name]) for name in names if body.get(name)}
    details = str(body.get("details") or "")
    structured = body.get("structured")
    row = AuditRow(
        action,
        details=gateway.log.free_text(details) if details else "",
        structured=structured if isinstance(structured, dict) else None,
        **given,
    )
    columns = gateway.log.columns_of(row)
    try:
        with gateway.database.write() as connection:
            gateway.database.insert(connection, "audit_events", columns)
    except sqlite3.Error as problem:
        return Reply(HTTPStatus.INTERNAL_SERVER_ERROR, {"error": f"audit: {problem}"})
    if gateway.generation.entries_per_agent:
        gateway.log.announce(columns)
    return Reply(HTTPStatus.OK, {"status": "ok"})


def disposition(gateway: Gateway, call: Call) -> Reply:
    """Acknowledge or dismiss alerts: a preview, then the same call with its digest."""
    try:
        command = alert_dispositions.read_command(json_object(call))
    except ValueError as problem:
        raise BadRequest(str(problem)) from problem
    with gateway.change_lock:
        status, body = alert_dispositions.dispose(gateway, command)
    return Reply(status, body)


def observability(gateway: Gateway, call: Call) -> Reply:
    """Take a row from the command line; it says any actor that the caller names."""
    try:
        rows = command_line_intake.read(call.body, call.request_id)
    except ValueError as problem:
        raise BadRequest(str(problem)) from problem
    for row in rows:
        gateway.log.write(row)
    scan = command_line_intake.read_scan(call.body)
    if scan is not None:
        gateway.scans.write(scan, verdict="clean", request_id=call.request_id)
    return Reply(HTTPStatus.NO_CONTENT)
