"""Putting what a scanner found into our rows and onto the trail, one transaction a scan."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final

from django.db import transaction

from audit.ledger.format.allowed_field_values import gravest, severity_rank
from audit.recording.actors import SYSTEM, Target
from audit.recording.record import record
from enforcement.audit_database.scan_rows import SourceScan
from enforcement.component_kinds import CALL, SCANNED
from enforcement.models import AskNeed, Finding, FindingStatus, Scan
from enforcement.models.scan_and_finding import COUNTING

_ONE_SCAN: Final = timedelta(minutes=10)
"""Within this time the rows of one scan are written."""
_MADE_BY_GATEWAY: Final = "/.codex/plugins/cache"
_EMPTY: Final = frozenset({"No plugin manifest found", "Plugin declares no permissions"})
"""All that is found in a plugin's folder that is empty; rows of the CLI name no rule."""


def take(instance: str, found: SourceScan, now: datetime, *, history: bool = False) -> Scan | None:
    """Store one scan; None when it is known or nothing to keep. History raises no event and asks
    nobody.

    The caller holds a transaction in which it also moves its position.
    """
    if _is_nothing_to_keep(found, history=history):
        return None
    found = _without_noise(found)
    with transaction.atomic():
        scan, new = Scan.objects.get_or_create(
            instance=instance,
            scan_id=found.id,
            defaults={
                "scanner": found.scanner,
                "kind": found.kind,
                "name": found.name,
                "severity": found.severity,
                "findings": found.count,
                "at": found.at,
                "seen": now,
                "ask": _need(found, history=history),
                # Paths name people: it is compared and never shown.
                "target": sha256(found.target.encode()).hexdigest(),
                "agent": found.agent,
                "session": found.session,
                "digest": found.digest,
                "done": found.done,
            },
        )
        if not new:
            return None
        known = _replace_earlier(scan, found, now, history=history)
        for finding in _store(scan, found):
            if not history and _content(finding) not in known:
                _opened(scan, finding)
    return scan


def add(instance: str, found: SourceScan, now: datetime, *, history: bool = False) -> None:
    """Give a scan that is known the findings that it lacks, which arrived after it, and have
    somebody asked where they are graver.

    The caller holds a transaction.
    """
    scan = Scan.objects.select_for_update().get(instance=instance, scan_id=found.id)
    stored = _store(scan, found)
    severity = gravest(scan.severity, found.severity)
    is_graver = severity != scan.severity and scan.ask == AskNeed.NONE
    Scan.objects.filter(pk=scan.pk).update(
        severity=severity,
        digest=scan.digest or found.digest,
        findings=max(scan.findings, found.count, scan.found.count()),
        ask=_need(replace(found, severity=severity), history=history) if is_graver else scan.ask,
    )
    for finding in stored if not history else ():
        _opened(scan, finding)


def _need(found: SourceScan, *, history: bool) -> AskNeed:
    """Whether somebody has to be asked; what was found before the gateway was first read is known,
    and so is the same content of the same thing when a start of the gateway scans it again."""
    if found.severity != "CRITICAL" or found.kind not in SCANNED:
        return AskNeed.NONE
    if history:
        return AskNeed.KNOWN if found.digest else AskNeed.NONE
    return AskNeed.DUE


def _is_nothing_to_keep(found: SourceScan, *, history: bool) -> bool:
    """Calls in which nothing was found, and calls from before the gateway was first read."""
    return found.kind == CALL and (history or not found.findings)


def _without_noise(found: SourceScan) -> SourceScan:
    """The empty folder of Codex's plugins as a clean scan; all else that is found there counts.

    At each start a gateway makes that folder, finds that it has no manifest and quarantines it
    (facts, README 14).
    """
    made_by_gateway = found.kind == "plugin" and found.target.rstrip("/").endswith(_MADE_BY_GATEWAY)
    if made_by_gateway and found.complete and {one.title for one in found.findings} <= _EMPTY:
        return replace(found, severity="INFO", findings=())
    return found


def _replace_earlier(
    scan: Scan, found: SourceScan, now: datetime, *, history: bool
) -> set[tuple[str, str]]:
    """Findings of earlier scans of the same thing are replaced; those of calls never are.

    Gateways write one scan of an MCP server as up to three rows, under the name and under each
    agent's: where those have the same findings at the same time, they are one finding. Of skills
    and plugins each folder has its own findings; those of a copy, at the same time, are no news.

    Returns:
        The content of findings that are open, or were until now, because of another such row.
    """
    if scan.kind == CALL:
        return set()
    earlier = Finding.objects.filter(
        instance=scan.instance,
        kind=scan.kind,
        name=scan.name,
        status__in=COUNTING,
        scan__scanner=scan.scanner,
    )
    if history or not found.is_in_order:
        earlier = earlier.filter(at__lte=scan.at)
    contents = {(item.title, item.severity) for item in found.findings}
    known, replaced = set(), []
    for one in earlier.select_related("scan"):
        content = _content(one)
        same = now - one.scan.seen <= _ONE_SCAN and content in contents
        if same:
            known.add(content)
        if one.scan.target in {"", scan.target} or (same and scan.kind == "mcp"):
            replaced.append(one.pk)
    Finding.objects.filter(pk__in=replaced).update(status=FindingStatus.REPLACED, status_at=now)
    return known


def _content(finding: Finding) -> tuple[str, str]:
    """What two rows of one scan have in common: the CLI names no rule, the gateway no location."""
    return finding.title, finding.severity


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
        agent=scan.agent,
        target=Target(scan.kind, scan.name, scan.instance),
        data={
            "finding": finding.finding_id,
            "scan": scan.scan_id,
            "scanner": scan.scanner,
            "rule": finding.rule,
            **({"session": scan.session} if scan.session else {}),
        },
        private={"title": finding.title, "location": finding.location},
        time=scan.at,
    )
