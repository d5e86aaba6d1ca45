"""Scans that reach the gateway: asked for, reported to it, or staged for a demonstration."""

from __future__ import annotations

import hashlib
import uuid
from dataclasses import replace
from random import Random
from typing import Final, cast

from demo.defenseclaw.instance import Cause, Instance, findings_by_severity
from demo.defenseclaw.strict import Fields
from demo.history.cast import assets
from demo.history.facts import RANK, Asset, AssetKind, Finding, Scan, Severity
from demo.history.findings import findings_for
from demo.store.instant import go_text, now_ns

KINDS: Final = ("skill", "mcp", "plugin")
_SCAN_KEYS: Final = ("scanner", "target", "timestamp", "findings", "duration_ms")
_FINDING_KEYS: Final = (
    "id",
    "severity",
    "title",
    "description",
    "location",
    "remediation",
    "scanner",
    "tags",
    "rule_id",
    "line_number",
)


def stage(instance: Instance, kind: str, name: str, severity: str, cause: Cause) -> Scan:
    """Make, record and return a scan of an asset whose worst finding is ``severity``.

    Raises ValueError for an unknown kind or severity, or an empty name.
    """
    if kind not in KINDS:
        raise ValueError(f"target_type must be one of {', '.join(KINDS)}")
    if severity not in RANK:
        raise ValueError(f"severity must be one of {', '.join(RANK)}")
    if not name or len(name) > 200:
        raise ValueError("target_name must have 1 to 200 characters")
    asset = Asset(cast(AssetKind, kind), name, "codex", cast(Severity, severity))
    rng = Random(uuid.uuid4().int)  # noqa: S311  invented findings, not a secret
    return _record(instance, asset, findings_for(asset.kind, asset.worst, rng), cause)


def scan_target(instance: Instance, kind: AssetKind, target: str, cause: Cause) -> Scan:
    """Scan ``target`` (a path or an MCP server's name) and record the result.

    An asset of the sample cast yields its usual findings, the same every time; an unknown one
    is clean.
    """
    name = target.rstrip("/").rpartition("/")[2] if kind != "mcp" else target
    known = {(asset.kind, asset.name): asset for asset in assets()}
    asset = known.get((kind, name), Asset(kind, name, "codex", "INFO"))
    seed = int.from_bytes(hashlib.sha256(f"{kind}:{name}".encode()).digest()[:8])
    found = findings_for(kind, asset.worst, Random(seed))  # noqa: S311
    fresh = tuple(replace(finding, id=str(uuid.uuid4())) for finding in found)
    details = f"findings={len(fresh)} max={asset.worst}"
    instance.record(instance.entry(f"api-{kind}-scan", target, details, cause))
    return _record(instance, asset, fresh, cause)


def reported(body: Fields, cause: Cause) -> Scan:
    """Read a scan that somebody else made; raises ValueError if it is not well formed."""
    scanner, target = body.text("scanner", required=True), body.text("target", required=True)
    kind = scanner.removesuffix("-scanner")
    if kind not in KINDS:
        raise ValueError(f"scanner must be one of {', '.join(f'{k}-scanner' for k in KINDS)}")
    name = target.rstrip("/").rpartition("/")[2] if kind != "mcp" else target
    found = tuple(_reported_finding(item) for item in body.items("findings"))
    asset = Asset(cast(AssetKind, kind), name, "codex", "INFO")
    return _scan(asset, found, cause, body.whole("duration_ms"))


def scan_fields(value: object) -> Fields:
    """Check the keys of a reported scan; raises ValueError for an unknown one."""
    return Fields(value, _SCAN_KEYS)


def envelope(instance: Instance, scan: Scan) -> dict[str, object]:
    """Return the reply of the scan endpoints."""
    return {
        "scan_id": scan.id,
        "verdict": scan.severity,
        "provenance": instance.provenance(),
        "findings_count_by_severity": findings_by_severity(scan),
        "result": {
            "scanner": scan.asset.scanner,
            "target": scan.asset.path,
            "timestamp": go_text(scan.at),
            "findings": [_finding_json(finding) for finding in scan.findings],
        },
    }


def _record(instance: Instance, asset: Asset, found: tuple[Finding, ...], cause: Cause) -> Scan:
    scan = _scan(asset, found, cause, duration_ms=1_200)
    instance.record(scan)
    return scan


def _scan(asset: Asset, found: tuple[Finding, ...], cause: Cause, duration_ms: int) -> Scan:
    return Scan(
        id=str(uuid.uuid4()),
        event_id=str(uuid.uuid4()),
        at=now_ns(),
        asset=asset,
        findings=found,
        duration_ms=duration_ms,
        run_id=cause.run_id,
        session_id=cause.session_id,
        request_id=cause.request_id,
    )


def _reported_finding(value: object) -> Finding:
    body = Fields(value, _FINDING_KEYS)
    severity = body.text("severity", required=True)
    if severity not in RANK:
        raise ValueError("severity")
    tags = body.items("tags")
    if not all(isinstance(tag, str) for tag in tags):
        raise ValueError("tags must be strings")
    return Finding(
        id=str(uuid.uuid4()),
        rule_id=body.text("rule_id") or "UNSPECIFIED",
        severity=cast(Severity, severity),
        title=body.text("title", required=True),
        description=body.text("description"),
        location=body.text("location"),
        line=body.whole("line_number", 1),
        remediation=body.text("remediation"),
        tags=tuple(str(tag) for tag in tags),
    )


def _finding_json(finding: Finding) -> dict[str, object]:
    return {
        "finding_occurrence_id": finding.id,
        "severity": finding.severity,
        "title": finding.title,
        "description": finding.description,
        "location": finding.location,
        "remediation": finding.remediation,
        "rule_id": finding.rule_id,
        "line_number": finding.line,
        "tags": list(finding.tags),
    }
