"""What the evidence store holds, without the bodies."""

from __future__ import annotations

from django.db import models


class EvidenceItem(models.Model):
    """One stored body. Insert-only: erasure destroys the subject's key, not this row."""

    digest = models.CharField(max_length=64, primary_key=True)  # hex SHA-256 of the body
    kind = models.TextField()
    subject = models.TextField(
        default="", blank=True
    )  # audit.recording.actors.subject_key, "" = nobody's
    name = models.TextField(default="", blank=True)  # issuer URL, for its snapshots
    not_before_release = models.DateTimeField(null=True)  # a token is shown only after its exp
    created = models.DateTimeField()

    class Meta:
        indexes = [
            models.Index(
                fields=["kind", "name"], name="audit_evidence_named", condition=~models.Q(name="")
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.digest[:12]}"
