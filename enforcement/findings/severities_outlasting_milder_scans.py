"""What a person still has to settle about a thing, whatever a later scan reports (DESIGN 1.3.1).

Scans arrive under the gateway's shared token. A milder one replaces the earlier findings on the
pages, but allow, unblock and release count with the severities listed here as well.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from approvals.models import Approval, Status
from audit.recording.actors import Target
from enforcement.decisions import hold_and_block_owners
from enforcement.gateways import instances
from enforcement.models import Asset, Decision, Finding, FindingStatus, Scan


def severities(target: Target) -> set[str]:
    """Severities of what waits, holds or blocks, and of findings that nobody settled."""
    apart = _apart_from(target)
    requests = Approval.objects.filter(
        target_kind=target.kind,
        target_name=target.name,
        verb=f"{target.kind}.block",
        status=Status.PENDING,
    )
    return {
        *requests.exclude(target_instance__in=apart).values_list("severity", flat=True),
        *_restrictions(target, apart),
        *_replaced_findings(target, apart),
    }


def replaced(target: Target) -> set[str]:
    """Severities of findings that a later scan replaced and nobody settled."""
    return _replaced_findings(target, _apart_from(target))


def _apart_from(target: Target) -> Collection[str]:
    fleet = instances.fleet()
    apart = fleet.apart_from(target.instance)
    # Decisions about all others leave a DEMO gateway out.
    return apart | {""} if fleet.scope_of(target.instance) else apart


def _restrictions(target: Target, apart: Collection[str]) -> set[str]:
    """Of each hold: the severity of the request that placed it, or of the hold by hand; of each
    block that stands: the severity at which it was decided."""
    stands = Asset.objects.filter(kind=target.kind, name=target.name)
    rows = list(stands.exclude(instance__in=apart))
    placed = [*hold_and_block_owners.holds_on(rows), *hold_and_block_owners.blocks_on(rows)]
    return {one.severity for one in placed} - {""}


def _replaced_findings(target: Target, apart: Collection[str]) -> set[str]:
    """Findings that a later scan replaced, and verdicts without findings, until a person decides.

    A person settles a finding by dismissing it, and all of them by an allow or an unblock, which
    needed the approval of their severity. What counts is when the portal read a scan: its own time
    is the gateway's claim.
    """
    findings = Finding.objects.filter(
        kind=target.kind, name=target.name, status=FindingStatus.REPLACED
    ).exclude(instance__in=apart)
    verdicts = Scan.objects.filter(kind=target.kind, name=target.name, found__isnull=True)
    verdicts = verdicts.exclude(instance__in=apart)
    if settled := _settled_at(target):
        findings = findings.filter(scan__seen__gt=settled)
        verdicts = verdicts.filter(seen__gt=settled)
    return {
        *findings.values_list("severity", flat=True).distinct(),
        *verdicts.values_list("severity", flat=True).distinct(),
    }


def _settled_at(target: Target) -> datetime | None:
    """When an allow or an unblock that stands for this target was decided last."""
    scopes = {target.instance, instances.fleet().scope_of(target.instance)}
    decided = Asset.objects.filter(
        kind=target.kind,
        name=target.name,
        instance__in=scopes,
        decision__in=[Decision.ALLOW, Decision.NONE],
        decided_at__isnull=False,
    )
    newest = decided.order_by("-decided_at").values_list("decided_at", flat=True)
    return newest.first()
