"""Putting what a scanner found into our rows and onto the trail, one transaction a scan."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from audit.ledger.format.allowed_field_values import severity_rank
from audit.recording.actors import SYSTEM, Target
from audit.recording.record import record
from enforcement.gateways.audit_database_scans import SourceScan
from enforcement.kinds import SCANNED
from enforcement.models import AskNeed, Finding, FindingStatus, Scan
from enforcement.models.scan_and_finding import COUNTING


def take(instance: str, found: SourceScan, now: datetime, *, history: bool = False) -> Scan | None:
    """Store one scan; None when it is known. History raises no event and asks nobody.

    The caller holds a transaction in which it also moves its position.
    """
    asks = found.severity == "CRITICAL" and found.kind in SCANNED
    with transaction.atomic():
        scan, new = Scan.objects.get_or_create(
            instance=instance,
            scan_id=found.id,
            defaults={
                "scanner": found.scanner,
                "kind": found.kind,
                "name": found.name,
                "severity": found.severity,
                "findings": len(found.findings),
                "at": found.at,
                "seen": now,
                "ask": AskNeed.DUE if asks and not history else AskNeed.NONE,
            },
        )
        if not new:
            return None
        earlier = Finding.objects.filter(
            instance=instance, kind=scan.kind, name=scan.name, status__in=COUNTING
        )
        earlier.filter(scan__scanner=scan.scanner, at__lte=scan.at).update(
            status=FindingStatus.REPLACED, status_at=now
        )
        for finding in _store(scan, found):
            if not history:
                _opened(scan, finding)
    return scan


def _store(scan: Scan, found: SourceScan) -> list[Finding]:
    stored = []
    for item in found.findings:
        finding, new = Finding.objects.get_or_create(
            instance=scan.instance,
            finding_id=item.id,
            defaults={
                "alert_id": item.alert_id,
                "scan": scan,
                "kind": scan.kind,
                "name": scan.name,
                "rule": item.rule,
                "title": item.title,
                "severity": item.severity,
                "rank": severity_rank(item.severity),
                "location": item.location,
                "at": scan.at,
            },
        )
        if new:
            stored.append(finding)
    return stored


def _opened(scan: Scan, finding: Finding) -> None:
    record(
        SYSTEM,
        "finding.opened",
        severity=finding.severity,
        source="defenseclaw",
        instance=scan.instance,
        target=Target(scan.kind, scan.name, scan.instance),
        data={
            "finding": finding.finding_id,
            "scan": scan.scan_id,
            "scanner": scan.scanner,
            "rule": finding.rule,
        },
        private={"title": finding.title, "location": finding.location},
        time=scan.at,
    )
