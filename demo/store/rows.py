"""Turn a fact into the rows each generation of DefenseClaw would have stored for it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

from demo.history.facts import (
    Change,
    Disposition,
    Egress,
    Enforcement,
    Fact,
    Scan,
)
from demo.store.instant import go_text, plain_text, python_text
from demo.store.sealed_v8_record import BINARY_VERSION, Json, LogEntry, Seal, compact, event_row
from demo.store.v8_event_families import (
    change_entry,
    disposition_entry,
    egress_codes,
    egress_entry,
    requested,
    scan_entries,
)

type Row = tuple[str, dict[str, object]]

_GO_STAMP = {"schema_version": 7, "binary_version": BINARY_VERSION}


class ModernShape:
    """Rows of generation 8: sealed audit rows, findings in ``scan_findings``."""

    def __init__(self, seal: Seal) -> None:
        self._seal = seal

    def cost(self, fact: Fact) -> int:
        """Return how many evidence rows ``fact`` becomes."""
        match fact:
            case Scan():
                return 2 + 2 * len(fact.findings)
            case Egress() | Disposition():
                return 2
            case _:
                return 1

    def rows(self, fact: Fact) -> Iterator[Row]:
        """Yield ``(table, columns)`` pairs for ``fact``."""
        match fact:
            case Scan():
                yield from self._scan(fact)
            case Egress():
                yield "network_egress_events", _modern_egress(fact)
                yield self._event(egress_entry(fact))
            case Change():
                yield self._event(change_entry(fact))
            case Disposition():
                yield from self._disposition(fact)
            case Enforcement():
                yield self._event(fact.entry)
            case LogEntry():
                yield self._event(fact)

    def _event(self, entry: LogEntry) -> Row:
        return "audit_events", event_row(entry, self._seal)

    def _scan(self, scan: Scan) -> Iterator[Row]:
        yield "scan_results", {**_scan_columns(scan, go_text(scan.at)), **_modern_scan(scan)}
        for finding in scan.findings:
            yield (
                "scan_findings",
                {
                    "id": finding.id,
                    "scan_id": scan.id,
                    "scanner": scan.asset.scanner,
                    "target": scan.asset.path,
                    "rule_id": finding.rule_id,
                    "severity": finding.severity,
                    "title": finding.title,
                    "description": finding.description,
                    "location": finding.location,
                    "line_number": finding.line,
                    "remediation": finding.remediation,
                    "tags": compact(list(finding.tags)),
                    "timestamp": go_text(scan.at),
                    "run_id": scan.run_id or None,
                    "request_id": scan.request_id or None,
                    "session_id": scan.session_id or None,
                    **_GO_STAMP,
                    "retention_timestamp_unix_nano": scan.at,
                    "evidence_summary": finding.description,
                },
            )
        for entry in scan_entries(scan):
            yield self._event(entry)

    def _disposition(self, act: Disposition) -> Iterator[Row]:
        stamp = go_text(act.at)
        word = requested(act)
        yield self._event(disposition_entry(act))
        yield (
            "alert_acknowledgement_operations",
            {
                "operation_id": act.id,
                "command_fingerprint": self._seal.fingerprint(f"{word}\0{act.alert_id}"),
                "alert_id": act.alert_id,
                "requested_disposition": word,
                "actor": "cli:operator",
                "expected_projection_version": 0,
                "outcome": "applied",
                "observed_projection_version": 0,
                "projection_version_before": 0,
                "projection_version_after": 1,
                "event_id": act.event_id,
                "created_at": stamp,
            },
        )
        yield (
            "alert_acknowledgement_projection",
            {
                "alert_id": act.alert_id,
                "disposition": word,
                "actor": "cli:operator",
                "disposition_at": stamp,
                "projection_version": 1,
                "source": "modern",
                "source_event_id": act.event_id,
                "updated_at": stamp,
            },
        )


class LegacyShape:
    """Rows of generations 0 and 7: unsealed, Python time stamps, findings in ``findings``.

    In generation 0 the rows before ``plain_before`` carry the oldest time form. A
    disposition yields no row: those generations overwrite the alert's severity with ``ACK``,
    which `acknowledged` names.
    """

    def __init__(self, *, connector_columns: bool, plain_before: int = 0) -> None:
        self._seven = connector_columns
        self._plain_before = plain_before

    def cost(self, fact: Fact) -> int:
        """Return how many evidence rows ``fact`` becomes."""
        match fact:
            case Scan():
                return 2 + len(fact.findings)
            case Egress() | Change():
                return 2 if self._seven else 1
            case Disposition():
                return 0
            case _:
                return 1

    def rows(self, fact: Fact) -> Iterator[Row]:
        """Yield ``(table, columns)`` pairs for ``fact``."""
        match fact:
            case Scan():
                yield from self._scan(fact)
            case Egress():
                yield from self._egress(fact)
            case Change():
                yield from self._change(fact)
            case Enforcement():
                yield self._event(fact.entry)
            case LogEntry():
                yield self._event(fact)
            case Disposition():
                return

    def stamp(self, at: int) -> str:
        """Return the time text a row at ``at`` carries."""
        return plain_text(at) if at < self._plain_before else python_text(at)

    def _event(self, entry: LogEntry) -> Row:
        row: dict[str, object] = {
            "id": entry.id,
            "timestamp": self.stamp(entry.at),
            "action": entry.action,
            "target": entry.target or None,
            "actor": "defenseclaw" if entry.actor == "cli" else entry.actor,
            "details": entry.details,
            "severity": entry.severity,
        }
        if self._seven:
            row["structured_json"] = compact(entry.structured) if entry.structured else None
            row["run_id"] = entry.run_id or None
            row["connector"] = entry.connector or None
        return "audit_events", row

    def _scan(self, scan: Scan) -> Iterator[Row]:
        stamp = self.stamp(scan.at)
        columns = _scan_columns(scan, stamp)
        yield "scan_results", {**columns, "run_id": scan.run_id} if self._seven else columns
        for finding in scan.findings:
            yield (
                "findings",
                {
                    "id": finding.id,
                    "scan_id": scan.id,
                    "severity": finding.severity,
                    "title": finding.title,
                    "description": finding.description,
                    "location": f"{finding.location}:{finding.line}",
                    "remediation": finding.remediation,
                    "scanner": scan.asset.scanner,
                    "tags": json.dumps(finding.tags),
                },
            )
        seconds = scan.duration_ms / 1000
        details = (
            f"scanner={scan.asset.scanner} findings={len(scan.findings)} "
            f"max_severity={scan.severity} duration=0:00:{seconds:09.6f}"
        )
        yield self._event(
            LogEntry(scan.event_id, scan.at, "scan", scan.asset.path, details, scan.severity)
        )

    def _egress(self, egress: Egress) -> Iterator[Row]:
        if self._seven:
            yield "network_egress_events", _egress_columns(egress, self.stamp(egress.at))
        entry = egress_entry(egress)
        details = f"connector={egress.connector} code={egress_codes(egress)[0]}"
        yield self._event(
            LogEntry(
                entry.id,
                entry.at,
                entry.action,
                egress.hostname,
                details,
                entry.severity,
                connector=egress.connector,
                run_id=egress.run_id,
            )
        )

    def _change(self, change: Change) -> Iterator[Row]:
        before: dict[str, Json] = {change.key: change.before}
        after: dict[str, Json] = {change.key: change.after}
        diff: list[dict[str, Json]] = [
            {"after": change.after, "before": change.before, "op": "replace", "path": change.key}
        ]
        if self._seven:
            row: dict[str, object] = {
                "id": change.id,
                "timestamp": self.stamp(change.at),
                "actor": "cli",
                "action": change.action,
                "target_type": change.target_type,
                "target_id": change.target_id,
                "before_json": json.dumps(before),
                "after_json": json.dumps(after),
                "diff_json": json.dumps(diff),
                "version_from": "gen=1",
                "version_to": "gen=2",
                "run_id": change.run_id,
            }
            yield "activity_events", row
        yield self._change_event(change, {"before": before, "after": after, "diff": diff})

    def _change_event(self, change: Change, states: dict[str, object]) -> Row:
        summary = {
            **states,
            "action": change.action,
            "activity_id": change.id,
            "actor": "cli",
            "target_id": change.target_id,
            "target_type": change.target_type,
        }
        target = f"{change.target_type}:{change.target_id}"
        details = json.dumps(summary, sort_keys=True)
        table, row = self._event(
            LogEntry(change.event_id, change.at, change.action, target, details)
        )
        return table, {**row, "actor": "cli"}


def acknowledged(facts: Iterable[Fact]) -> list[str]:
    """Return the ids of the alerts that ``facts`` acknowledge or dismiss."""
    return [fact.alert_id for fact in facts if isinstance(fact, Disposition)]


def _scan_columns(scan: Scan, stamp: str) -> dict[str, object]:
    findings = [
        {
            "id": finding.id,
            "severity": finding.severity,
            "title": finding.title,
            "description": finding.description,
            "location": finding.location,
            "remediation": finding.remediation,
            "scanner": scan.asset.scanner,
            "tags": list(finding.tags),
            "rule_id": finding.rule_id,
            "line_number": finding.line,
        }
        for finding in scan.findings
    ]
    raw = {
        "scanner": scan.asset.scanner,
        "target": scan.asset.path,
        "timestamp": stamp,
        "findings": findings,
        "duration_ms": scan.duration_ms,
    }
    return {
        "id": scan.id,
        "scanner": scan.asset.scanner,
        "target": scan.asset.path,
        "timestamp": stamp,
        "duration_ms": scan.duration_ms,
        "finding_count": len(scan.findings),
        "max_severity": scan.severity,
        "raw_json": json.dumps(raw, indent=2),
    }


def _modern_scan(scan: Scan) -> dict[str, object]:
    return {
        "run_id": scan.run_id or None,
        "verdict": scan.verdict,
        "exit_code": 0,
        **_GO_STAMP,
        "session_id": scan.session_id or None,
        "request_id": scan.request_id or None,
        "retention_timestamp_unix_nano": scan.at,
    }


def _egress_columns(egress: Egress, stamp: str) -> dict[str, object]:
    code, words = egress_codes(egress)
    return {
        "id": egress.id,
        "timestamp": stamp,
        "session_id": egress.session_id,
        "hostname": egress.hostname,
        "url": f"https://{egress.hostname}{egress.path}",
        "http_method": "POST" if egress.blocked else "GET",
        "protocol": "https",
        "policy_outcome": words,
        "decision_code": code,
        "blocked": int(egress.blocked),
        "severity": "HIGH" if egress.blocked else "INFO",
    }


def _modern_egress(egress: Egress) -> dict[str, object]:
    return {
        **_egress_columns(egress, go_text(egress.at)),
        "connector": egress.connector,
        "agent_id": f"agent-{egress.connector}",
        "retention_timestamp_unix_nano": egress.at,
    }
