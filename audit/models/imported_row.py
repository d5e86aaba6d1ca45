"""What was imported from other systems, so that it is imported once."""

from __future__ import annotations

from django.db import models


class ImportedRow(models.Model):
    """One content of one row of another system's table. Insert-only.

    The first one of an `event` is what the event was made from; each later one is a change that
    was noticed. `digest` covers the exact row and is no part of the log.
    """

    event = models.UUIDField()  # derived from instance, table and row_id: the same at every import
    digest = models.BinaryField(max_length=32)
    instance = models.TextField()
    table = models.TextField()
    row_id = models.TextField()
    seen = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["event", "digest"], name="audit_imported_once")
        ]

    def __str__(self) -> str:
        return f"{self.instance} {self.table}/{self.row_id}"


class RepeatedTag(models.Model):
    """The first imported row that had the tag of one of our tries at a gateway. Insert-only."""

    tag = models.TextField(unique=True)
    event = models.UUIDField(db_index=True)
    row_id = models.TextField()

    def __str__(self) -> str:
        return self.tag
