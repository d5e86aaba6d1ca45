"""Event families of HEAD: what a schema-derived row is called, where it belongs, what it holds."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

_BUCKETS: Final = (
    (("api-enforce", "skill-", "plugin-", "tool-", "block-", "allow-", "mcp-"),
     "enforcement.action"),
    (("watcher-block", "quarantine"), "enforcement.action"),
    (("install-", "asset-"), "asset.lifecycle"),
    (("api-skill-scan", "api-plugin-scan", "api-mcp-scan", "scan", "rescan"), "asset.scan"),
    (("connector-hook", "inspect-", "guardrail-opa"), "guardrail.evaluation"),
    (("alert.", "config-", "policy-", "setup-", "guardrail-", "api-auth"), "compliance.activity"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Family:
    """What an audit row carries besides its columns."""

    name: str
    bucket: str
    body: Mapping[str, Any] = field(default_factory=dict)
    phase: str = ""
    outcome: str = ""
    producer: str = "audit_logger"
    mandatory: bool = False

    @property
    def is_legacy(self) -> bool:
        """Whether the row keeps actor, target and details in its columns."""
        return self.name.startswith("legacy.audit.")


class _Row(Protocol):
    @property
    def action(self) -> str: ...
    @property
    def target(self) -> str: ...
    @property
    def actor(self) -> str: ...
    @property
    def details(self) -> str: ...
    @property
    def structured(self) -> Mapping[str, Any] | None: ...


def bucket_of(action: str) -> str:
    """Return the bucket an action belongs to."""
    for prefixes, bucket in _BUCKETS:
        if action.startswith(prefixes):
            return bucket
    return "diagnostic"


def family_of(row: _Row) -> Family:
    """Return the legacy family of a row: its columns repeated as the body."""
    body = {"actor": row.actor, "details": row.details, "target": row.target}
    return Family(
        name=f"legacy.audit.{row.action.replace('-', '.')}",
        bucket=bucket_of(row.action),
        body=body,
        phase="persistence",
        mandatory=row.action == "watcher-block",
    )


def lifecycle(subsystem: str, state: str, phase: str, outcome: str) -> Family:
    """Return the family of a start or stop of a part of the gateway."""
    return Family(
        name="subsystem.lifecycle",
        bucket="platform.health",
        body={"defenseclaw.health.state": state, "defenseclaw.health.subsystem": subsystem},
        phase=phase,
        outcome=outcome,
        producer="audit_logger" if subsystem == "watcher" else "defenseclaw",
        mandatory=True,
    )


def scan_completed(scan: Mapping[str, Any]) -> Family:
    """Return the family that sums up a scan; `scan` has the `defenseclaw.scan.*` values."""
    body = {f"defenseclaw.scan.{name}": value for name, value in scan.items()}
    return Family("scan.completed", "asset.scan", body, phase="completed", outcome="completed")


def finding_observed(finding: Mapping[str, Any], scan: Mapping[str, Any]) -> Family:
    """Return the family of one finding of a scan."""
    body = {f"defenseclaw.finding.{name}": value for name, value in finding.items()}
    body |= {f"defenseclaw.scan.{name}": value for name, value in scan.items()}
    body["defenseclaw.security.severity"] = finding["severity"]
    return Family("finding.observed", "security.finding", body, phase="finding")


def authentication_failed(reason: str) -> Family:
    """Return the family of a refused caller."""
    body = {
        "defenseclaw.admin.actor_ref": "defenseclaw",
        "defenseclaw.admin.operation": "api-auth-failure",
        "defenseclaw.admin.origin": "api",
        "defenseclaw.admin.reason": reason,
    }
    return Family(
        "authentication.failed", "compliance.activity", body, "authentication", "rejected",
        mandatory=True,
    )  # fmt: skip


def config_change_applied(operation: str, actor: str) -> Family:
    """Return the family of a configuration change: it does not say what changed."""
    body = {
        "defenseclaw.admin.actor_ref": actor,
        "defenseclaw.admin.operation": operation,
        "defenseclaw.admin.origin": "api",
    }
    return Family(
        "config.change.applied", "compliance.activity", body, "apply", "applied", mandatory=True
    )


def quarantine_events(kind: str, name: str, moved_to: str) -> tuple[Family, Family]:
    """Return the pair of families that a quarantine writes."""
    number = str(uuid.uuid4())
    action = {
        "defenseclaw.enforcement.effective_action": "quarantine",
        "defenseclaw.enforcement.id": number,
        "defenseclaw.enforcement.initiator": "defenseclaw",
        "defenseclaw.enforcement.requested_action": "quarantine",
        "defenseclaw.enforcement.resulting_state": "quarantined",
    }
    asset = {
        "defenseclaw.asset.file_action": "quarantine",
        "defenseclaw.asset.id": name,
        "defenseclaw.asset.resulting_state": "quarantined",
        "defenseclaw.asset.target_path": moved_to,
        "defenseclaw.asset.transition": "quarantine",
        "defenseclaw.asset.transition_code": "quarantine_applied",
        "defenseclaw.asset.transition_initiator": "defenseclaw",
        "defenseclaw.asset.type": kind,
        "defenseclaw.enforcement.id": number,
    }
    return (
        Family("enforcement.quarantine.applied", "enforcement.action", action, "apply",
               "quarantined", mandatory=True),
        Family("asset.quarantined", "asset.lifecycle", asset, "transition", "quarantined",
               mandatory=True),
    )  # fmt: skip


def asset_discovered(kind: str, name: str, path: str) -> Family:
    """Return the family of a new folder that the watcher saw."""
    body = {
        "defenseclaw.asset.name": name,
        "defenseclaw.asset.path_ref": path,
        "defenseclaw.asset.type": kind,
    }
    return Family("asset.discovered", "asset.lifecycle", body, "discovery", "completed")


def control_change(action: str, actor_ref: str, target: str) -> Family:
    """Return the family of a configuration or policy change handed in by the command line."""
    body = {
        "defenseclaw.admin.operation": action,
        "defenseclaw.admin.origin": "api",
        "defenseclaw.admin.target_ref": target,
    }
    if actor_ref:
        body["defenseclaw.admin.actor_ref"] = actor_ref
    name = "policy.updated" if action.startswith("policy-") else "config.change.applied"
    return Family(name, "compliance.activity", body, "apply", "applied", mandatory=True)


def disposition_requested(
    operation: str, alert: str, disposition: str, version_before: int
) -> Family:
    """Return the family of an alert that was acknowledged or dismissed."""
    noun = "dismissal" if disposition == "dismissed" else "acknowledgement"
    body = {
        "actor": "cli:operator",
        "expected_projection_version": version_before,
        "observed_projection_version": version_before,
        "operation_id": operation,
        "outcome": "applied",
        "projection_version_after": version_before + 1,
        "projection_version_before": version_before,
        "requested_disposition": disposition,
        "target": alert,
        "target_event_id": alert,
    }
    return Family(
        f"alert.{noun}.requested", "compliance.activity", body, outcome="applied",
        producer="observability_alert_projection", mandatory=True,
    )  # fmt: skip


def subsystem_degraded(source: str, summary: str) -> Family:
    """Return the family of an alert handed in by the command line; nobody can dispose of it."""
    body = {
        "defenseclaw.health.error_summary": summary,
        "defenseclaw.health.state": "degraded",
        "defenseclaw.health.subsystem": source,
    }
    return Family("subsystem.degraded", "platform.health", body, "health", mandatory=True)


def admission_evaluated(kind: str, name: str, verdict: str, reason: str) -> Family:
    """Return the family of an answered `/policy/evaluate`."""
    stopped = verdict in ("blocked", "rejected")
    body = {
        "defenseclaw.guardrail.decision": "block" if stopped else "allow",
        "defenseclaw.guardrail.detector.name": "opa",
        "defenseclaw.guardrail.effective_action": "blocked" if stopped else "allowed",
        "defenseclaw.guardrail.name": "opa-admission",
        "defenseclaw.guardrail.phase": "policy",
        "defenseclaw.guardrail.reason": reason,
        "defenseclaw.guardrail.stage": "admission",
        "defenseclaw.guardrail.target_ref": name,
        "defenseclaw.guardrail.target_type": kind,
    }
    return Family(
        "guardrail.evaluation.completed",
        "guardrail.evaluation",
        body,
        "policy",
        producer="gateway.api.policy_evaluation",
    )
