"""Block, allow and unblock over REST, the lists, and the admission preview."""

from __future__ import annotations

import sqlite3
import time
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

from local.gateway import openclaw_connection
from local.gateway.audit.event_families import admission_evaluated
from local.gateway.audit.log import AuditRow
from local.gateway.folders.admission import evaluate as evaluate_admission
from local.gateway.gateway import Gateway
from local.gateway.rest.calls_and_replies import BadRequest, Call, Reply

_REASON_LIMIT: Final = 120


@dataclass(frozen=True, slots=True)
class _Target:
    kind: str
    name: str
    reason: str


def _target(call: Call, default_reason: str) -> _Target:
    """Read a target; any kind is taken and names are not trimmed."""
    body = json_object(call)
    kind, name = body.get("target_type"), body.get("target_name")
    if not isinstance(kind, str) or not isinstance(name, str) or not kind or not name:
        raise BadRequest("target_type and target_name are required")
    return _Target(kind, name, str(body.get("reason") or default_reason))


def json_object(call: Call) -> dict[str, Any]:
    """Return the body as an object; raises BadRequest for anything else."""
    if not isinstance(call.body, dict):
        raise BadRequest("invalid JSON body")
    return call.body


def _busy(dimension: str) -> Reply:
    text = f"audit: {dimension}: database is locked (5) (SQLITE_BUSY)"
    return Reply(HTTPStatus.INTERNAL_SERVER_ERROR, {"error": text})


def _log(gateway: Gateway, call: Call, action: str, target: _Target, *, reason: bool) -> None:
    details = f"type={target.kind}"
    if reason:
        cut = target.reason[:_REASON_LIMIT]
        cut += "..." if len(target.reason) > _REASON_LIMIT else ""
        details += f" reason={gateway.log.free_text(cut)}"
    gateway.log.write(AuditRow(action, target.name, details, request_id=call.request_id))


def block(gateway: Gateway, call: Call) -> Reply:
    """Write the global entry install=block."""
    target = _target(call, "blocked via REST API")
    try:
        gateway.entries.set_value(target.kind, target.name, "install", "block", target.reason)
    except sqlite3.OperationalError:
        return _busy("set action field install")
    _log(gateway, call, "api-enforce-block", target, reason=True)
    return Reply(HTTPStatus.OK, {"status": "blocked"})


def unblock(gateway: Gateway, call: Call) -> Reply:
    """Clear `install` of the global entry; answers `unblocked` whatever was there."""
    target = _target(call, "")
    try:
        gateway.entries.clear(target.kind, target.name, "install")
    except sqlite3.OperationalError:
        return _busy("clear action field install")
    _log(gateway, call, "api-enforce-unblock", target, reason=False)
    return Reply(HTTPStatus.OK, {"status": "unblocked"})


def allow(gateway: Gateway, call: Call) -> Reply:
    """Write the global entry install=allow.

    Where the global entry holds a runtime disable, 0.8.4 and HEAD first ask OpenClaw to enable
    it, wait in vain and answer 502 with nothing changed and no audit row.
    """
    target = _target(call, "allowed via REST API")
    entry = gateway.entries.get(target.kind, target.name)
    disabled = entry is not None and entry.runtime == "disable"
    asks = gateway.generation.allow_asks_upstream and target.kind in ("skill", "plugin")
    if disabled and asks:
        time.sleep(gateway.settings.not_connected_seconds)
        openclaw_connection.call(gateway.settings, f'enable {target.kind} "{target.name}"')
    try:
        gateway.entries.set_value(target.kind, target.name, "install", "allow", target.reason)
        if gateway.generation.allow_asks_upstream:
            gateway.entries.clear(target.kind, target.name, "file", "runtime")
    except sqlite3.OperationalError:
        return _busy("set action field install")
    _log(gateway, call, "api-enforce-allow", target, reason=True)
    return Reply(HTTPStatus.OK, {"status": "allowed"})


def blocked(gateway: Gateway, call: Call) -> Reply:
    """List the entries install=block; it does not say whose they are."""
    del call
    return Reply(HTTPStatus.OK, gateway.entries.listed("block"))


def allowed(gateway: Gateway, call: Call) -> Reply:
    """List the entries install=allow."""
    del call
    return Reply(HTTPStatus.OK, gateway.entries.listed("allow"))


def evaluate(gateway: Gateway, call: Call) -> Reply:
    """Say what admission would say for a target."""
    body = json_object(call)
    if body.get("domain") not in (None, "", "admission"):
        raise BadRequest("unsupported policy domain")
    given = body.get("input")
    fields = given if isinstance(given, dict) else {}
    kind, name = fields.get("target_type"), fields.get("target_name")
    if not kind or not name:
        raise BadRequest("input.target_type and input.target_name are required")
    scan = fields.get("scan_result")
    data = evaluate_admission(
        gateway.entries,
        str(kind),
        str(name),
        scan if isinstance(scan, dict) else None,
        by_policy=gateway.generation.entries_per_agent or gateway.home.has_policies(),
    )
    if gateway.generation.seals_rows:
        family = admission_evaluated(str(kind), str(name), data["verdict"], data["reason"])
        row = AuditRow(
            "guardrail-opa-verdict",
            source="gateway",
            connector=gateway.settings.primary,
            request_id=call.request_id,
            enforced=1
            if data["runtime_action"] == "block" or data["verdict"] == "blocked"
            else None,
            family=family,
        )
        gateway.log.write(row)
    return Reply(HTTPStatus.OK, {"ok": True, "data": data})
