"""Facts that v8 stores as schema-derived event families, turned into audit rows."""

from __future__ import annotations

from collections import Counter

from demo.history.facts import Change, Disposition, Egress, Finding, Scan
from demo.store.sealed_v8_record import Json, LogEntry, Typed


def scan_entries(scan: Scan) -> list[LogEntry]:
    """Return one ``finding.observed`` row per finding and the ``scan.completed`` summary."""
    return [_finding_entry(scan, finding) for finding in scan.findings] + [_summary_entry(scan)]


def _finding_entry(scan: Scan, finding: Finding) -> LogEntry:
    body: dict[str, Json] = {
        "defenseclaw.finding.description": finding.description,
        "defenseclaw.finding.id": finding.id,
        "defenseclaw.finding.line_number": finding.line,
        "defenseclaw.finding.location": finding.location,
        "defenseclaw.finding.remediation": finding.remediation,
        "defenseclaw.finding.rule_id": finding.rule_id,
        "defenseclaw.finding.tags": list(finding.tags),
        "defenseclaw.finding.target_ref": scan.asset.path,
        "defenseclaw.finding.title": finding.title,
        "defenseclaw.guardrail.evidence_summary": finding.description,
        "defenseclaw.scan.id": scan.id,
        "defenseclaw.scan.scanner": scan.asset.scanner,
        "defenseclaw.security.severity": finding.severity,
    }
    return LogEntry(
        id=finding.id,
        at=scan.at,
        action="scan-finding",
        severity=finding.severity,
        source="scanner",
        connector=scan.asset.connector,
        session_id=scan.session_id,
        run_id=scan.run_id,
        request_id=scan.request_id,
        scan_id=scan.id,
        finding_id=finding.id,
        typed=Typed("finding.observed", body, phase="finding"),
    )


def _summary_entry(scan: Scan) -> LogEntry:
    counts = Counter(finding.severity for finding in scan.findings)
    body: dict[str, Json] = {
        "defenseclaw.scan.critical_count": counts["CRITICAL"],
        "defenseclaw.scan.duration_ms": scan.duration_ms,
        "defenseclaw.scan.exit_code": 0,
        "defenseclaw.scan.finding_count": len(scan.findings),
        "defenseclaw.scan.high_count": counts["HIGH"],
        "defenseclaw.scan.id": scan.id,
        "defenseclaw.scan.info_count": counts["INFO"],
        "defenseclaw.scan.low_count": counts["LOW"],
        "defenseclaw.scan.medium_count": counts["MEDIUM"],
        "defenseclaw.scan.scanner": scan.asset.scanner,
        "defenseclaw.scan.severity_max": scan.severity,
        "defenseclaw.scan.target_ref": scan.asset.path,
        "defenseclaw.scan.target_type": scan.asset.kind,
        "defenseclaw.scan.verdict": scan.verdict,
    }
    return LogEntry(
        id=scan.event_id,
        at=scan.at,
        action="scan",
        severity=scan.severity,
        source="scanner",
        connector=scan.asset.connector,
        session_id=scan.session_id,
        run_id=scan.run_id,
        request_id=scan.request_id,
        scan_id=scan.id,
        typed=Typed("scan.completed", body, phase="completed", outcome="completed"),
    )


def egress_entry(egress: Egress) -> LogEntry:
    """Return the audit row that accompanies a ``network_egress_events`` row."""
    verb = "blocked" if egress.blocked else "allowed"
    body: dict[str, Json] = {
        "defenseclaw.network.blocked": egress.blocked,
        "defenseclaw.network.decision": "deny" if egress.blocked else "allow",
        "defenseclaw.network.decision_code": egress_codes(egress)[0],
        "defenseclaw.network.policy_outcome": egress_codes(egress)[1],
        "defenseclaw.network.target_path": egress.path,
        "defenseclaw.network.target_ref": egress.hostname,
        "gen_ai.agent.id": f"agent-{egress.connector}",
        "gen_ai.conversation.id": egress.session_id,
        "server.address": egress.hostname,
        "url.scheme": "https",
    }
    return LogEntry(
        id=egress.event_id,
        at=egress.at,
        action=f"network-egress-{verb}",
        severity="HIGH" if egress.blocked else "INFO",
        source="gateway",
        connector=egress.connector,
        session_id=egress.session_id,
        agent=egress.connector,
        run_id=egress.run_id,
        enforced=1 if egress.blocked else None,
        typed=Typed(f"egress.{verb}", body, phase="policy", outcome=verb),
    )


def egress_codes(egress: Egress) -> tuple[str, str]:
    """Return DefenseClaw's decision code and its words."""
    if egress.blocked:
        return "NETWORK_DENY_DEFAULT", "Denied: not in allowlist"
    return "NETWORK_ALLOW_PATTERN", "Allowed by pattern"


def change_entry(change: Change) -> LogEntry:
    """Return the control-plane row of a configuration or policy change."""
    family = "policy.updated" if change.target_type == "policy" else "config.change.applied"
    body: dict[str, Json] = {
        "defenseclaw.admin.actor_ref": "cli:operator",
        "defenseclaw.admin.after_state": {change.key: change.after},
        "defenseclaw.admin.before_state": {change.key: change.before},
        "defenseclaw.admin.change_count": 1,
        "defenseclaw.admin.operation": change.action,
        "defenseclaw.admin.origin": "cli",
        "defenseclaw.admin.principal_ref": "cli:operator",
        "defenseclaw.admin.target_ref": f"{change.target_type}:{change.target_id}",
    }
    return LogEntry(
        id=change.event_id,
        at=change.at,
        action=change.action,
        source="cli",
        run_id=change.run_id,
        typed=Typed(family, body, phase="apply", outcome="applied", mandatory=True),
    )


def disposition_entry(disposition: Disposition) -> LogEntry:
    """Return the row that says an operator acknowledged or dismissed an alert."""
    family = f"alert.{'dismissal' if disposition.dismissed else 'acknowledgement'}.requested"
    body: dict[str, Json] = {
        "actor": "cli:operator",
        "expected_projection_version": 0,
        "observed_projection_version": 0,
        "operation_id": disposition.id,
        "outcome": "applied",
        "projection_version_after": 1,
        "projection_version_before": 0,
        "requested_disposition": requested(disposition),
        "target": disposition.alert_id,
        "target_event_id": disposition.alert_id,
    }
    producer = "observability_alert_projection"
    return LogEntry(
        id=disposition.event_id,
        at=disposition.at,
        action=family,
        target=disposition.alert_id,
        typed=Typed(
            family,
            body,
            outcome="applied",
            producer=producer,
            bucket="compliance.activity",
            mandatory=True,
        ),
    )


def requested(disposition: Disposition) -> str:
    """Return the disposition as a word."""
    return "dismissed" if disposition.dismissed else "acknowledged"


def auth_failure_entry(id_: str, at: int, reason: str, request_id: str, run_id: str) -> LogEntry:
    """Return the row a gateway writes for a refused caller; ``reason`` is a fixed short word."""
    body: dict[str, Json] = {
        "defenseclaw.admin.actor_ref": "defenseclaw",
        "defenseclaw.admin.operation": "api-auth-failure",
        "defenseclaw.admin.origin": "api",
        "defenseclaw.admin.reason": reason,
    }
    family = "authentication.failed"
    return LogEntry(
        id=id_,
        at=at,
        action="api-auth-failure",
        target="sidecar-api",
        details=f"reason={reason}",
        severity="MEDIUM",
        run_id=run_id,
        request_id=request_id,
        typed=Typed(family, body, "authentication", "rejected", mandatory=True),
    )
