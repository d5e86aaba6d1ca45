"""`scan_results`, and `findings` and `scan_findings`, which hang on them."""

from __future__ import annotations

from datetime import datetime

from audit.importing.mapping import severities, targets
from audit.importing.mapping.mapped_facts import Facts, codes, opaque
from audit.importing.source_row_identity import SourceRow


def scan_facts(row: SourceRow, time: datetime) -> Facts:
    """What a scan says."""
    kind, name = targets.of_scan(row.text("scanner"), row.text("target"))
    failed = bool(row.text("error")) or row.values.get("exit_code") not in (None, 0)
    facts = Facts(
        time=time,
        action="scan",
        severity=severities.of(row.text("max_severity")),
        outcome="failure" if failed else "success",
        kind=kind,
        name=name,
        agent=opaque(row.text("agent_id")),
        session=opaque(row.text("session_id")),
        request=opaque(row.text("request_id")),
        data=codes(
            {**row.values, "scan_id": row.id},
            "scan_id",
            "scanner",
            "finding_count",
            "duration_ms",
            "verdict",
            "exit_code",
            "run_id",
            "trace_id",
            "evaluation_id",
        ),
    )
    if error := row.text("error"):
        facts.private["error"] = error
    return facts


def finding_facts(row: SourceRow, time: datetime, basis: str) -> Facts:
    """What a finding says. `basis` tells whose time it has: its own, its scan's, the import's."""
    scanner = row.text("scanner") or str(row.joined.get("scanner") or "")
    target = row.text("target") or str(row.joined.get("target") or "")
    kind, name = targets.of_scan(scanner, target) if target else ("", "")
    facts = Facts(
        time=time,
        action="finding",
        severity=severities.of(row.text("severity")),
        kind=kind,
        name=name,
        agent=opaque(row.text("agent_id")),
        session=opaque(row.text("session_id")),
        request=opaque(row.text("request_id")),
        data=codes(
            {**row.joined, **row.values},
            "scan_id",
            "scanner",
            "rule_id",
            "category",
            "line_number",
            "confidence",
            "run_id",
            "evaluation_id",
        ),
    )
    if basis != "row":
        facts.data["time_basis"] = basis
    for column in ("title", "description", "location", "remediation"):
        if text := row.text(column):
            facts.private[column] = text
    return facts
