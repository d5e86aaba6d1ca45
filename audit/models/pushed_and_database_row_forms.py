"""In which forms a row of a gateway arrived, since a push and its database write it differently."""

from __future__ import annotations

from django.db import models


class RowForm(models.Model):
    """One form of a row that became an event. Insert-only.

    `form` is the way it arrived (`database`, `hec:none`, `jsonl:sensitive`), with the digest of
    its content there; or by what a row that has no id when pushed is found again
    (`audit.importing.pushed_row_matching`).
    """

    event = models.UUIDField()
    form = models.TextField()
    digest = models.BinaryField(max_length=32)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["event", "form", "digest"], name="audit_row_form_once")
        ]
        indexes = [models.Index(fields=["digest"], name="audit_row_form_digest")]

    def __str__(self) -> str:
        return f"{self.event} {self.form}"
