"""Open HIGH and CRITICAL findings that no decision and no waiting request answers."""

from __future__ import annotations

from django.db.models import Exists, OuterRef, Q, QuerySet

from approvals.models import Answer, Approval, Status
from audit.ledger.format.allowed_field_values import severity_rank
from enforcement.findings.dispositions_at_gateway import NOT_NAMED
from enforcement.models import Asset, Decision, Finding, FindingStatus


def with_status(status: str) -> Q:
    """Findings to list under a status.

    Under `open` are also those acknowledged at DefenseClaw by nobody who is named: anybody with the
    token of a gateway could else empty the queue of people here.
    """
    if status != FindingStatus.OPEN:
        return Q(status=status)
    unnamed = Q(status=FindingStatus.ACKNOWLEDGED, status_by__endswith=NOT_NAMED)
    return Q(status=status) | unnamed


def grave() -> QuerySet[Finding]:
    """Open HIGH and CRITICAL findings."""
    return Finding.objects.filter(with_status(FindingStatus.OPEN), rank__gte=severity_rank("HIGH"))


def undecided() -> QuerySet[Finding]:
    """Of those, the ones that need a person's decision.

    A block answers every finding of its item, an allow only those that came before it. So does a
    request that waits, and a denied block that came after the finding.
    """
    about = Q(instance="") | Q(instance=OuterRef("instance"))
    decided = Asset.objects.filter(
        about,
        Q(decision=Decision.BLOCK) | Q(decision=Decision.ALLOW, decided_at__gte=OuterRef("at")),
        kind=OuterRef("kind"),
        name=OuterRef("name"),
    )
    here = Q(target_instance="") | Q(target_instance=OuterRef("instance"))
    overridden = Q(
        answer=Answer.DENIED,
        inferred=False,
        verb__endswith=".block",
        closed__gte=OuterRef("at"),
    )
    asked = Approval.objects.filter(
        here,
        Q(status=Status.PENDING) | overridden,
        target_kind=OuterRef("kind"),
        target_name=OuterRef("name"),
    )
    return grave().filter(~Exists(decided), ~Exists(asked))
