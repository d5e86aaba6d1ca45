"""Acknowledging and dismissing findings, here and in DefenseClaw's own alert list where it is v8.

DefenseClaw names the person in no disposition (its actor is the constant `cli:operator`), so the
person stands in our trail; its list is only kept in step. Two calls: preview, then apply with the
digest of what was previewed (`internal/gateway/alert_acknowledgement_v8.go`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from approvals import clock, registry
from approvals.errors import Refused
from approvals.registry import (
    AlreadyFn,
    CommitContext,
    Committed,
    EffectResult,
    EffectRun,
    EffectSpec,
    Stance,
    Verb,
    effect,
)
from audit.ledger.format import safe_display
from audit.recording.actors import Actor, Target
from enforcement.audit_database.scan_rows import SourceUnreadable, opened
from enforcement.component_kinds import called
from enforcement.decisions.block_allow_hold import OPERATOR
from enforcement.decisions.decision_severity import find_finding
from enforcement.decisions.steps.remote_steps import at_gateway
from enforcement.findings.read_dispositions_from_gateway import NOT_NAMED
from enforcement.gateways import attempt_tags, instances
from enforcement.gateways.client import Gateway, Refuses
from enforcement.gateways.instances import Instance
from enforcement.models import Finding, FindingStatus

_TRIES = 6
_LOGGED = {
    str(FindingStatus.ACKNOWLEDGED): "alert.acknowledgement.requested",
    str(FindingStatus.DISMISSED): "alert.dismissal.requested",
}
_DOMAIN = "defenseclaw.alert-disposition.audit-db.v1\0"


def database_identity(path: Path) -> str:
    """How DefenseClaw names its audit database: a digest of its real path."""
    material = f"{_DOMAIN}{path.resolve().as_posix()}".encode()
    return f"sha256:v1:{hashlib.sha256(material).hexdigest()}"


def _finding(target: Target) -> Finding:
    finding = find_finding(target.name, target.instance)
    if finding is None:
        raise Refused(
            "unknown_finding", f"There is no finding {target.name!r}.", pointer="/target/name"
        )
    return finding


def _severity_of_dismissal(target: Target, params: Mapping[str, Any]) -> str:
    finding = _finding(target)
    if finding.status == FindingStatus.REPLACED:
        raise Refused("already_closed", f"This finding is already {finding.get_status_display()}.")
    return finding.severity


def _disposed_as(*so: FindingStatus) -> AlreadyFn:
    """Says since when a finding has one of these states; empty where it has another."""

    def already(_actor: Actor, target: Target, _params: Mapping[str, Any], _severity: str) -> str:
        finding = _finding(target)
        if finding.status not in so or finding.status_by.endswith(NOT_NAMED):
            return ""
        since = f" since {finding.status_at:%-d %b %Y %H:%M} UTC" if finding.status_at else ""
        by = f" by {finding.status_by}" if finding.status_by else ""
        state = finding.get_status_display()
        return f"Finding “{finding.title[:100]}” is already {state}{by}{since}."

    return already


def _look(target: Target, params: Mapping[str, Any]) -> dict[str, Any]:
    finding = find_finding(target.name, target.instance)
    return {"status": finding.status if finding else "", "id": finding.pk if finding else 0}


def _sentence(word: str) -> Any:
    def sentence(target: Target, params: Mapping[str, Any]) -> str:
        finding = find_finding(target.name, target.instance)
        if finding is None:
            return f"{word} finding {safe_display.in_sentence(target.name)}"
        about = called(finding.kind, safe_display.in_sentence(finding.name))
        title = safe_display.quoted(finding.title, 200)
        return f"{word} {title} in {about} on {finding.instance}"

    return sentence


def _commit(status: FindingStatus) -> Any:
    def commit(ctx: CommitContext) -> Committed:
        finding = Finding.objects.select_for_update().get(pk=_finding(ctx.target).pk)
        before = finding.status
        finding.status, finding.status_at = status, clock.now()
        finding.status_by = ctx.actor.name or ctx.actor.email or ctx.actor.sub
        finding.status_reason = ctx.reason
        finding.save(update_fields=["status", "status_at", "status_by", "status_reason"])
        return Committed(
            effects=_keep_in_step(finding, status),
            data={"finding": finding.finding_id, "rule": finding.rule, "kind": finding.kind},
            private={"title": finding.title, "about": called(finding.kind, finding.name)},
            changes={"status": {"before": before, "after": str(status)}},
        )

    return commit


def _keep_in_step(finding: Finding, status: FindingStatus) -> list[EffectSpec]:
    instance = instances.fleet().named(finding.instance)
    if instance is None or instance.audit_db is None or not finding.alert_id:
        return []
    payload = {"alert": finding.alert_id, "disposition": str(status)}
    return [EffectSpec("gateway.dispose", payload, instance.name, f"Tell {instance.name}")]


@effect("gateway.dispose")
def dispose(payload: dict[str, Any], run: EffectRun) -> EffectResult:
    """Preview and apply one alert's disposition; an alert that was disposed of already is done."""
    instance = instances.fleet().named(run.instance)
    if instance is None or instance.audit_db is None:
        return EffectResult("failed", f"{run.instance} is no longer registered with its database.")
    command = {
        "operation_id": run.operation,
        "audit_db_identity": database_identity(instance.audit_db),
        "disposition": payload["disposition"],
        "selector": {"ids": [payload["alert"]]},
    }

    def act(gateway: Gateway) -> EffectResult:
        previewed = False
        try:
            tag = attempt_tags.mint(run, _LOGGED[payload["disposition"]], "alert", payload["alert"])
            seen = gateway.dispose({**command, "preview": True}, tag)
            previewed = True
            digest = str(seen.get("selection_digest", ""))
            said = gateway.dispose({**command, "preview": False, "selection_digest": digest}, tag)
        except Refuses as no:
            if no.status == 409:
                return _not_taken(instance, payload["alert"], run, previewed=previewed)
            if no.status in {404, 405}:
                return EffectResult("done", "this gateway keeps no alert dispositions")
            raise
        if not (said.get("applied") or said.get("no_change")):
            return _again_or_never(run, "its alert list did not take it")
        return EffectResult("done", "its alert list shows it")

    return at_gateway(run, act)


def _not_taken(instance: Instance, alert: str, run: EffectRun, *, previewed: bool) -> EffectResult:
    """409 when it is applied says that the alert changed since the preview, and is tried again.

    At the preview it is final: the alert is none that DefenseClaw closes (an INFO row is not), or
    its database is not the one that `audit_db` names.
    """
    try:
        with opened(instance.audit_db or Path()) as source:
            if source.disposed(alert):
                return EffectResult("done", "its alert list has it closed already")
    except SourceUnreadable:
        pass  # then the answer alone counts
    if previewed:
        return _again_or_never(run, "the alert changed while it was being closed")
    return EffectResult(
        "failed",
        f"{instance.name} offers no such alert to close; its list keeps it, ours has the decision.",
    )


def _again_or_never(run: EffectRun, why: str) -> EffectResult:
    """What may pass is tried a few times; an alert list that refuses for ever is not asked on."""
    return EffectResult("failed" if run.attempt >= _TRIES else "pending", why)


registry.register(
    Verb(
        name="alert.acknowledge",
        event="alert.acknowledged",
        label="Acknowledge",
        roles=OPERATOR,
        stance=Stance.RECORD,
        target_kinds=frozenset({"alert"}),
        commit=_commit(FindingStatus.ACKNOWLEDGED),
        sentence=_sentence("Acknowledge"),
        already=_disposed_as(FindingStatus.ACKNOWLEDGED, FindingStatus.DISMISSED),
        look=_look,
        severity=_severity_of_dismissal,
    )
)
registry.register(
    Verb(
        name="alert.dismiss",
        event="alert.dismissed",
        label="Dismiss",
        roles=OPERATOR,
        stance=Stance.LOOSEN,
        target_kinds=frozenset({"alert"}),
        commit=_commit(FindingStatus.DISMISSED),
        sentence=_sentence("Dismiss"),
        already=_disposed_as(FindingStatus.DISMISSED),
        look=_look,
        severity=_severity_of_dismissal,
        risk=lambda _target, _params: "the finding is closed and counts for nothing any more",
        if_approved="The finding is closed as needing no action. A later scan can open it again.",
        if_denied="The finding stays open.",
        if_expired="The finding stays open.",
    )
)
