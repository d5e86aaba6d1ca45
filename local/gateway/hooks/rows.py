"""Rows that a hook event leaves in the database of each generation."""

from __future__ import annotations

import json
import threading
from typing import Any

from local.gateway.audit.event_families import Family
from local.gateway.audit.log import AuditLog, AuditRow
from local.gateway.audit.scan_rows import Finding, ScanReport, ScanRows
from local.gateway.generations import Generation
from local.gateway.hooks.events import HookEvent
from local.gateway.hooks.lineage_rows import lineage_of
from local.gateway.hooks.runtime_policy import ALLOWED, Verdict


class HookRows:
    """Writes them, and counts the steps of each session since the start."""

    def __init__(self, generation: Generation, log: AuditLog, scans: ScanRows) -> None:
        self._generation = generation
        self._log = log
        self._scans = scans
        self._steps: dict[str, int] = {}
        self._lock = threading.Lock()

    def write(
        self, event: HookEvent, verdict: Verdict, answer: dict[str, Any], request_id: str, size: int
    ) -> None:
        """Write the rows of one answered event."""
        step = self._next_step(event.session_id)
        if self._generation.seals_rows:
            self._write_lineage(event, request_id)
        if verdict.always_enforced:
            self._write_asset_policy(event, answer, request_id)
        self._write_scan(event, verdict, answer, request_id)
        if self._generation.seals_rows:
            self._write_decision(event, verdict, answer, request_id, step)
        self._write_hook(event, verdict, answer, request_id, step, size)

    def _next_step(self, session: str) -> int:
        with self._lock:
            self._steps[session] = self._steps.get(session, 0) + 1
            return self._steps[session]

    def _row(self, event: HookEvent, request_id: str, **values: Any) -> AuditRow:
        return AuditRow(
            request_id=request_id,
            connector=event.agent,
            session_id=event.session_id,
            turn_id=event.turn_id,
            agent_name=event.agent,
            **values,
        )

    def _write_lineage(self, event: HookEvent, request_id: str) -> None:
        for action, family in lineage_of(event):
            row = self._row(
                event,
                request_id,
                action=action,
                source="connector",
                family=family,
                tool_name=event.tool,
                tool_id=event.tool_id,
            )
            self._log.write(row)

    def write_rejection(self, agent: str, reason: str, request_id: str, size: int) -> None:
        """Write the row of a call that was no event that could be read."""
        count = f" body_bytes={size}" if size else ""
        details = f"connector={agent} result=rejected reason={reason} would_block=false{count}"
        row = AuditRow("connector-hook", "unknown", details, connector=agent, request_id=request_id)
        self._log.write(row)

    def _write_asset_policy(
        self, event: HookEvent, answer: dict[str, Any], request_id: str
    ) -> None:
        kind, name = ("plugin", event.plugin) if event.plugin else ("skill", event.skill)
        details = (
            f"action=block source=runtime-disable registry_status=disabled "
            f"registry_configured=false surface=hook hook={event.name} tool={event.tool} "
            f"connector={event.agent} name_raw={self._log.free_text('""')} "
            f"source_path={self._log.free_text('""')} would_block=true "
            f"reason={self._log.free_text(answer.get('reason', ''))}"
        )
        self._log.write(
            self._row(
                event,
                request_id,
                action="asset-policy",
                target=f"{kind}:{name}",
                details=details,
                severity="INFO" if self._generation.seals_rows else "",
            )
        )

    def _write_scan(
        self, event: HookEvent, verdict: Verdict, answer: dict[str, Any], request_id: str
    ) -> None:
        if verdict.always_enforced:
            found = (Finding(verdict.findings[0], "HIGH", "Disabled at run time", ""),)
            self._write_scan_of(event, "asset-policy", found, "block", answer, request_id)
            verdict = ALLOWED
            if not self._generation.scan_row_per_hook_event:
                return
        findings = tuple(Finding(rule.id, rule.severity, rule.title, "") for rule in verdict.rules)
        if findings or self._generation.scan_row_per_hook_event:
            action = verdict.raw_action
            self._write_scan_of(event, "hook-rules", findings, action, answer, request_id)

    def _write_scan_of(
        self,
        event: HookEvent,
        scanner: str,
        findings: tuple[Finding, ...],
        verdict: str,
        answer: dict[str, Any],
        request_id: str,
    ) -> None:
        self._scans.write(
            ScanReport(scanner, f"{event.agent}:{event.name}", findings),
            verdict=verdict,
            request_id=request_id,
            session_id=event.session_id,
            connector=event.agent,
            evaluation_id=answer["evaluation_id"],
        )

    def _write_decision(
        self,
        event: HookEvent,
        verdict: Verdict,
        answer: dict[str, Any],
        request_id: str,
        step: int,
    ) -> None:
        blocked = answer["action"] == "block"
        body = {
            "defenseclaw.connector.step_idx": step,
            "defenseclaw.evaluation.id": answer["evaluation_id"],
            "defenseclaw.guardrail.effective_action": answer["action"],
            "defenseclaw.guardrail.enforced": blocked,
            "defenseclaw.guardrail.mode": "enforce" if answer["mode"] == "action" else "observe",
            "defenseclaw.guardrail.raw_action": verdict.raw_action,
            "defenseclaw.guardrail.would_block": answer["would_block"],
        }
        outcome = "blocked" if blocked else "allowed" if not verdict.rules else "completed"
        family = Family(
            "hook_decision", "guardrail.evaluation", body, "decide", outcome, "defenseclaw"
        )
        severity = verdict.severity if verdict.severity != "NONE" else "INFO"
        self._log.write(
            self._row(
                event,
                request_id,
                enforced=1 if blocked else None,
                action="hook_decision",
                source="connector",
                family=family,
                severity=severity,
                evaluation_id=answer["evaluation_id"],
            )
        )

    def _write_hook(
        self,
        event: HookEvent,
        verdict: Verdict,
        answer: dict[str, Any],
        request_id: str,
        step: int,
        size: int,
    ) -> None:
        structured = {
            "action": answer["action"],
            "body_bytes": size,
            "connector": event.agent,
            "event": event.name,
            "mode": answer["mode"],
            "raw_action": verdict.raw_action,
            "result": "ok",
            "schema": "defenseclaw.hook.v1",
            "severity": verdict.severity,
            "step_idx": step,
            "would_block": answer["would_block"],
        }
        reason = f"reason={self._log.free_text(verdict.plain_reason)} " if verdict.findings else ""
        origin = f"raw_origin=hook raw_event_ids={self._log.free_text(event.raw_id)} "
        details = (
            f"connector={event.agent} result=ok action={answer['action']} "
            f"raw_action={verdict.raw_action} severity={verdict.severity} mode={answer['mode']} "
            f"{reason}would_block={str(answer['would_block']).lower()} body_bytes={size} "
            f"{origin if event.raw_id else ''}"
            f"details_json={self._log.free_text(json.dumps(structured))}"
        )
        keep = None if self._generation.seals_rows else structured
        self._log.write(
            self._row(
                event,
                request_id,
                action="connector-hook",
                target=event.name,
                details=details,
                step_idx=step,
                structured=keep,
                tool_name=event.tool,
                tool_id=event.tool_id,
                enforced=1 if answer["action"] == "block" else None,
            )
        )
