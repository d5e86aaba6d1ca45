"""Alerts, audit rows and scans: what is reported to the gateway and read from it."""

from __future__ import annotations

from dataclasses import replace
from http import HTTPStatus
from typing import cast
from urllib.parse import parse_qs

from demo.actions import is_registered
from demo.defenseclaw import disposition, intake, scans, strict
from demo.defenseclaw.wire import (
    BadRequest,
    Call,
    Endpoint,
    Gateway,
    Reply,
    body_of,
    error,
    reply,
    texts,
)
from demo.history.facts import AssetKind
from demo.store.record import Json


def alerts(gateway: Gateway, call: Call) -> Reply:
    """List open alerts, as ``GET /alerts?limit=1..500``."""
    raw = parse_qs(call.query).get("limit", ["50"])[0]
    if not raw.isdecimal() or int(raw) == 0:
        raise BadRequest("limit must be a positive integer")
    found = gateway.instance.alerts(min(int(raw), 500))
    # Go encodes an empty list of rows as null; clients have to cope with it.
    return reply(found or None)


def dispose(gateway: Gateway, call: Call) -> Reply:
    """Acknowledge or dismiss, as ``POST /api/v1/alerts/disposition``."""
    try:
        command = disposition.parse(strict.parse(call.body))
    except ValueError:
        return error(HTTPStatus.BAD_REQUEST, "invalid alert disposition request")
    status, value = disposition.dispose(gateway.instance, command)
    return reply(value, status)


def hand_over(gateway: Gateway, call: Call) -> Reply:
    """Take a row from the command line, as ``POST /api/v1/observability/cli``."""
    try:
        facts = intake.read(gateway.instance, call.body, call.cause)
    except ValueError:
        return error(HTTPStatus.BAD_REQUEST, "invalid canonical observability request")
    gateway.instance.record(*facts)
    return Reply(HTTPStatus.NO_CONTENT)


def audit_event(gateway: Gateway, call: Call) -> Reply:
    """Store a row as given, as ``POST /audit/event``."""
    body = body_of(call)
    names = ("action", "actor", "target", "details", "severity", "run_id", "session_id")
    action, actor, target, details, severity, run_id, session_id = texts(body, *names)
    if not action:
        raise BadRequest("action is required")
    if not is_registered(action):
        message = f"audit: action {action!r} is not registered"
        return reply({"error": message}, HTTPStatus.INTERNAL_SERVER_ERROR)
    structured = body.get("structured")
    entry = replace(
        gateway.instance.entry(action, target, details, call.cause),
        actor=actor or "defenseclaw",
        severity=severity or "INFO",
        structured=cast(dict[str, Json], structured) if isinstance(structured, dict) else None,
        run_id=run_id or gateway.instance.run_id,
        session_id=session_id or call.cause.session_id,
    )
    gateway.instance.record(entry)
    return reply({"status": "ok"})


def scan(kind: AssetKind) -> Endpoint:
    """Return the endpoint that scans an asset of ``kind``."""

    def answer(gateway: Gateway, call: Call) -> Reply:
        target = texts(body_of(call), "target")[0]
        if not target:
            raise BadRequest("target is required")
        done = scans.scan_target(gateway.instance, kind, target, call.cause)
        gateway.scanned(done)
        return reply(scans.envelope(gateway.instance, done))

    return answer


def scan_report(gateway: Gateway, call: Call) -> Reply:
    """Store a scan somebody else made, as ``POST /scan/result``."""
    body = body_of(call)
    if not all(texts(body, "scanner", "target")):
        raise BadRequest("scanner and target are required")
    try:
        done = scans.reported(scans.scan_fields(body), call.cause)
    except ValueError as wrong:
        raise BadRequest(str(wrong)) from wrong
    gateway.instance.record(done)
    gateway.scanned(done)
    return reply({"status": "ok"})


def stage_from_page(gateway: Gateway, call: Call) -> Reply:
    """Stage a scan by a button of the human page (only in this DEMO), and show the page again."""
    fields = {name: values[0] for name, values in parse_qs(call.body.decode("latin-1")).items()}
    try:
        done = scans.stage(
            gateway.instance,
            fields.get("target_type", ""),
            fields.get("target_name", ""),
            fields.get("severity", "").upper(),
            call.cause,
        )
    except ValueError as wrong:
        raise BadRequest(str(wrong)) from wrong
    gateway.scanned(done)
    return Reply(HTTPStatus.SEE_OTHER, location="/")


def stage(gateway: Gateway, call: Call) -> Reply:
    """Stage a scan for a demonstration, as ``POST /demo/scan`` (only in this DEMO)."""
    kind, name, severity = texts(body_of(call), "target_type", "target_name", "severity")
    try:
        done = scans.stage(gateway.instance, kind, name, severity.upper(), call.cause)
    except ValueError as wrong:
        raise BadRequest(str(wrong)) from wrong
    gateway.scanned(done)
    return reply(scans.envelope(gateway.instance, done))
