"""What scanners found: scans as they arrived, and the findings that somebody has to look at."""

from __future__ import annotations

from django.db import models


class AskNeed(models.TextChoices):
    """Whether a scan has to ask a person automatically (DESIGN 1.3)."""

    NONE = "none", "nothing to ask"
    DUE = "due", "about to ask"
    ASKED = "asked", "asked"
    JOINED = "joined", "joined a request that was waiting already"
    BLOCKED = "blocked", "already blocked"
    REFUSED = "refused", "could not ask"
    KNOWN = "known", "the same content was known before"


class Scan(models.Model):
    """One scan of one target at one instance."""

    instance = models.CharField(max_length=60)
    scan_id = models.CharField(max_length=100)
    scanner = models.CharField(max_length=60)
    kind = models.CharField(max_length=30)
    name = models.CharField(max_length=300)
    severity = models.CharField(max_length=10)  # of its gravest finding; INFO when clean
    findings = models.PositiveIntegerField(default=0)
    at = models.DateTimeField()
    seen = models.DateTimeField()
    ask = models.CharField(max_length=10, choices=AskNeed, default=AskNeed.NONE)
    approval = models.CharField(max_length=36, blank=True)
    detail = models.CharField(max_length=300, blank=True)
    target = models.CharField(max_length=300, blank=True)  # SHA-256 of what the gateway calls it
    agent = models.CharField(max_length=60, blank=True)  # whose call was checked
    session = models.CharField(max_length=100, blank=True)  # and in which session of it
    digest = models.CharField(max_length=90, blank=True)  # of the content, where one is known
    done = models.CharField(max_length=60, blank=True)  # by the gateway itself, in words

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["instance", "scan_id"], name="each_scan_once"),
        )
        indexes = (
            models.Index(fields=["kind", "name", "-at"], name="scan_latest"),
            models.Index(fields=["id"], condition=models.Q(ask="due"), name="scan_ask_due"),
            models.Index(
                fields=["digest"], condition=~models.Q(digest=""), name="scan_same_content"
            ),
        )

    def __str__(self) -> str:
        return f"{self.scanner} on {self.kind} {self.name}: {self.severity}"


class FindingStatus(models.TextChoices):
    """Open and acknowledged count for severity; the others are history."""

    OPEN = "open", "open"
    ACKNOWLEDGED = "acknowledged", "acknowledged"
    DISMISSED = "dismissed", "dismissed"
    REPLACED = "replaced", "replaced by a newer scan"


COUNTING = (FindingStatus.OPEN, FindingStatus.ACKNOWLEDGED)


class Finding(models.Model):
    """One finding of one scan. `alert_id` is what DefenseClaw calls the alert it raised for it."""

    instance = models.CharField(max_length=60)
    finding_id = models.CharField(max_length=100)
    alert_id = models.CharField(max_length=100, blank=True, db_index=True)
    scan = models.ForeignKey(Scan, models.CASCADE, related_name="found")
    kind = models.CharField(max_length=30)
    name = models.CharField(max_length=300)
    rule = models.CharField(max_length=200, blank=True)
    title = models.CharField(max_length=500)
    severity = models.CharField(max_length=10)
    rank = (
        models.PositiveSmallIntegerField()
    )  # audit.ledger.format.allowed_field_values.severity_rank
    location = models.CharField(max_length=500, blank=True)
    at = models.DateTimeField()
    status = models.CharField(max_length=15, choices=FindingStatus, default=FindingStatus.OPEN)
    status_by = models.CharField(max_length=254, blank=True)
    status_at = models.DateTimeField(null=True)
    status_reason = models.TextField(blank=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["instance", "finding_id"], name="each_finding_once"),
        )
        indexes = (
            models.Index(fields=["status", "-rank", "-at"], name="finding_queue"),
            models.Index(fields=["kind", "name", "status"], name="finding_target"),
        )

    def __str__(self) -> str:
        return f"{self.severity} {self.title} ({self.status})"
