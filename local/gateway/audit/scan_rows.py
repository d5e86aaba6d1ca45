"""Scan results and findings as rows of each generation."""

from __future__ import annotations

import json
import sqlite3
import uuid
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from local.gateway.audit.database import AuditDatabase
from local.gateway.audit.event_families import finding_observed, scan_completed
from local.gateway.audit.instants import (
    go_duration,
    go_time_string_with_clock,
    isoformat,
    now_ns,
    rfc3339,
)
from local.gateway.audit.log import AuditLog, AuditRow
from local.gateway.hooks.runtime_rules import ORDER, highest_severity


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding of a scanner."""

    rule_id: str
    severity: str
    title: str
    location: str
    remediation: str = ""


@dataclass(frozen=True, slots=True)
class ScanReport:
    """What one scan found. `started` is nanoseconds; `duration` too."""

    scanner: str
    target: str
    findings: tuple[Finding, ...] = ()
    started: int = field(default_factory=now_ns)
    duration: int = 0

    @property
    def severity(self) -> str:
        """The highest severity; INFO for none."""
        found = highest_severity([finding.severity for finding in self.findings])
        return "INFO" if found == "NONE" else found


class ScanRows:
    """Writes scans. The row's timestamp is the start of the scan where the gateway wrote it."""

    def __init__(
        self,
        database: AuditDatabase,
        log: AuditLog,
        *,
        started: int = 0,
        by_command_line: bool = False,
    ) -> None:
        self._database = database
        self._generation = database.generation
        self._log = log
        self._process_started = started
        self._by_command_line = by_command_line

    def write(self, report: ScanReport, verdict: str = "", **known: str) -> str:
        """Write a scan with its findings and audit rows; returns the scan's id.

        `known` are request_id, session_id, connector, evaluation_id, actor, source, run_id.
        """
        scan_id = str(uuid.uuid4())
        # A finding has the same id in `scan_findings` and in its own audit row.
        named = [(str(uuid.uuid4()), finding) for finding in report.findings]
        columns = {name: value for name, value in known.items() if value}
        row = {
            **columns,
            "id": scan_id,
            "scanner": report.scanner,
            "target": report.target,
            "timestamp": self._stamp(report),
            "duration_ms": report.duration // 1_000_000,
            "finding_count": len(report.findings),
            "max_severity": report.severity,
            "raw_json": json.dumps(as_json(report), indent=2),
            "run_id": known.get("run_id") or self._log.run_id or None,
            "verdict": verdict or None,
        }
        if not self._by_command_line:
            row |= {"exit_code": 0, "schema_version": 7, "binary_version": "dev"}
        try:
            with self._database.write() as connection:
                self._database.insert(connection, "scan_results", row)
                for finding_id, finding in named:
                    ids = {"id": finding_id, "scan_id": scan_id, **columns}
                    self._insert_finding(connection, report, finding, ids)
        except sqlite3.OperationalError:
            return ""
        self._write_audit(report, verdict, scan_id, named, known)
        return scan_id

    def _stamp(self, report: ScanReport) -> str:
        if self._by_command_line:
            return isoformat(report.started + report.duration)
        if self._generation.entries_per_agent:
            return rfc3339(report.started)
        return go_time_string_with_clock(report.started, self._process_started)

    def _insert_finding(
        self,
        connection: sqlite3.Connection,
        report: ScanReport,
        finding: Finding,
        ids: dict[str, str],
    ) -> None:
        row: dict[str, Any] = {
            **ids,
            "scanner": report.scanner,
            "target": report.target,
            "rule_id": finding.rule_id,
            "severity": finding.severity,
            "title": finding.title,
            "description": finding.title,
            "location": finding.location,
            "remediation": finding.remediation,
            "tags": "null",
            "timestamp": rfc3339(report.started),
            "run_id": self._log.run_id or None,
            "schema_version": 7,
            "binary_version": "dev",
        }
        table = "scan_findings" if self._generation.entries_per_agent else "findings"
        self._database.insert(connection, table, row)

    def _write_audit(
        self,
        report: ScanReport,
        verdict: str,
        scan_id: str,
        named: list[tuple[str, Finding]],
        known: dict[str, str],
    ) -> None:
        if not self._generation.seals_rows:
            if report.scanner in ("hook-rules", "asset-policy"):
                return
            took = (
                str(timedelta(microseconds=report.duration // 1_000))
                if self._by_command_line
                else self._log.free_text(go_duration(report.duration))
            )
            details = (
                f"scanner={report.scanner} findings={len(report.findings)} "
                f"max_severity={report.severity} duration={took}"
            )
            self._log.write(
                AuditRow(
                    "scan",
                    report.target,
                    details,
                    report.severity,
                    request_id=known.get("request_id", ""),
                )
            )
            return
        shared: dict[str, Any] = {
            name: known.get(name, "")
            for name in ("request_id", "session_id", "connector", "evaluation_id", "run_id")
        }
        scan = {"id": scan_id, "scanner": report.scanner}
        for finding_id, finding in named:
            body = {
                "description": finding.title,
                "id": finding_id,
                "location": finding.location,
                "rule_id": finding.rule_id,
                "severity": finding.severity,
                "title": finding.title,
            }
            self._log.write(
                AuditRow(
                    "scan-finding",
                    severity=finding.severity,
                    source="scanner",
                    scan_id=scan_id,
                    finding_id=finding_id,
                    id=finding_id,
                    family=finding_observed(body, scan),
                    **shared,
                )
            )
        kind = report.scanner.removesuffix("-scanner")
        asset = report.scanner.endswith("-scanner")
        place = {"target_type": kind} if asset else {"target_ref": report.target}
        summed = "block" if verdict == "rejected" else verdict
        summary = scan | _counts(report) | place | {"verdict": summed}
        self._log.write(
            AuditRow(
                "scan",
                severity=report.severity,
                source="scanner",
                scan_id=scan_id,
                family=scan_completed(summary),
                **shared,
            )
        )


def _counts(report: ScanReport) -> dict[str, Any]:
    counts = Counter(finding.severity for finding in report.findings)
    named = {f"{name.lower()}_count": counts[name] for name in ORDER[1:]}
    return named | {
        "duration_ms": report.duration // 1_000_000,
        "exit_code": 0,
        "finding_count": len(report.findings),
        "severity_max": report.severity,
    }


def as_json(report: ScanReport) -> dict[str, Any]:
    """Return a scan as the scanners and 0.2.0's REST answer write it."""
    return {
        "scanner": report.scanner,
        "target": report.target,
        "timestamp": rfc3339(report.started),
        "findings": [
            {
                "id": f"{finding.rule_id}_{index}",
                "severity": finding.severity,
                "title": finding.title,
                "description": finding.title,
                "location": finding.location,
                "remediation": finding.remediation,
                "scanner": report.scanner,
                "rule_id": finding.rule_id,
            }
            for index, finding in enumerate(report.findings)
        ],
        "duration": report.duration,
    }
