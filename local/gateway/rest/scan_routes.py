"""Scans on demand over REST."""

from __future__ import annotations

import uuid
from collections import Counter
from http import HTTPStatus
from pathlib import Path
from typing import Any

from local.gateway.agents import copies_on_disk
from local.gateway.audit.log import CONFIG_DIGEST, AuditRow
from local.gateway.audit.scan_rows import ScanReport, as_json
from local.gateway.folders.scanner import ScanFailed, scan_folder
from local.gateway.gateway import Gateway
from local.gateway.rest.calls_and_replies import BadRequest, Call, Reply
from local.gateway.rest.enforcement_routes import json_object


def scan_skill(gateway: Gateway, call: Call) -> Reply:
    """Scan a skill's folder; a block entry does not matter here."""
    return _scan(gateway, call, "skill")


def scan_plugin(gateway: Gateway, call: Call) -> Reply:
    """Scan a plugin's folder."""
    return _scan(gateway, call, "plugin")


def scan_mcp(gateway: Gateway, call: Call) -> Reply:
    """Scan an MCP server: 0.2.0 calls its scanner in a way that it does not understand."""
    target = json_object(call).get("target")
    if not gateway.generation.entries_per_agent or str(target).startswith("mcp://"):
        error = "scanner: mcp-scanner: exit status 2: usage: mcp-scanner [-h]"
        return Reply(HTTPStatus.INTERNAL_SERVER_ERROR, {"error": error})
    report = ScanReport("mcp-scanner", str(target))
    gateway.scans.write(report, verdict="clean", request_id=call.request_id)
    return Reply(HTTPStatus.OK, _answer(gateway, report, "clean"))


def _scan(gateway: Gateway, call: Call, kind: str) -> Reply:
    body = json_object(call)
    target, name = str(body.get("target") or ""), str(body.get("name") or "")
    if not target and not name:
        raise BadRequest("target is required")
    folder = Path(target) if target else Path(name)
    if not folder.is_absolute():
        copies = copies_on_disk(gateway.home.folder, gateway.settings.agents, kind, folder.name)
        folder = next((path for _, path in copies), folder)
    try:
        if not folder.is_dir():
            raise ScanFailed(f"scanner: {kind}-scanner: {folder} does not exist")
        report = scan_folder(gateway.home.folder, kind, folder, gateway.settings.scan_seconds)
    except ScanFailed as failure:
        return Reply(HTTPStatus.INTERNAL_SERVER_ERROR, {"error": str(failure)})
    details = f"findings={len(report.findings)} max={report.severity}"
    gateway.log.write(
        AuditRow(f"api-{kind}-scan", str(folder), details, request_id=call.request_id)
    )
    verdict = "block" if report.severity in ("CRITICAL", "HIGH") else "clean"
    gateway.scans.write(report, verdict=verdict, request_id=call.request_id)
    return Reply(HTTPStatus.OK, _answer(gateway, report, verdict))


def _answer(gateway: Gateway, report: ScanReport, verdict: str) -> dict[str, Any]:
    if not gateway.generation.entries_per_agent:
        return as_json(report)
    counts = Counter(finding.severity for finding in report.findings)
    return {
        **as_json(report),
        "scan_id": str(uuid.uuid4()),
        "verdict": verdict,
        "findings_count_by_severity": dict(counts),
        "provenance": {"schema_version": 7, "content_hash": CONFIG_DIGEST},
    }
