"""Rows from other systems that could not become events: what the Quarantine page lists."""

from __future__ import annotations

from django.db import models

from audit.models.exact_json_field import ExactJSONField


class QuarantinedRow(models.Model):
    """A row that could not become an event, kept for a person to look at.

    `content` is the row as far as it could be read, secrets masked; it may hold personal values
    and can be deleted.
    """

    instance = models.TextField()
    table = models.TextField()
    row_id = models.TextField()  # its id, or rowid:N where it has no usable one
    reason = models.TextField()  # a code of audit.importing.quarantine.writer
    detail = models.TextField()
    digest = models.BinaryField(max_length=32)  # of what came, whole and unmasked
    size = models.PositiveBigIntegerField(null=True)  # about how many bytes came
    content = ExactJSONField(default=dict)
    seen = models.DateTimeField()
    event = models.UUIDField(null=True)  # the audit.quarantined; None until its import has ended

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["instance", "table", "row_id", "digest"], name="audit_quarantined_once"
            )
        ]
        indexes = [
            models.Index(fields=["instance", "id"], name="audit_quarantined_source"),
            models.Index(fields=["reason", "id"], name="audit_quarantined_reason"),
            models.Index(fields=["event"], name="audit_quarantined_event"),
        ]

    def __str__(self) -> str:
        return f"{self.instance} {self.table}/{self.row_id}: {self.reason}"
