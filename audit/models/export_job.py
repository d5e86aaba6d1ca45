"""Exports: what somebody asked for, how far it is, and what the file is held to."""

from __future__ import annotations

import uuid
from typing import Any

from django.db import models

from audit.models.exact_json_field import ExactJSONField


class ExportJob(models.Model):
    """One export of the events of a filter at one tree. A due row: any worker may take it.

    `lease` is until when somebody works on it; one that ran out means that they died. `requester`
    is the actor as it was when asking; the file and it go when `expires` has passed.
    """

    class State(models.TextChoices):
        WAITING = "waiting"
        RUNNING = "running"
        READY = "ready"
        FAILED = "failed"
        EXPIRED = "expired"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.CharField(
        max_length=64
    )  # audit.ledger.format.commitment.subject_key of the requester
    requester: models.Field[Any, Any] = ExactJSONField(default=dict)
    person = models.CharField(max_length=64, default="", blank=True)  # only this one's own events
    format = models.CharField(max_length=8)
    params: models.Field[Any, Any] = ExactJSONField(default=dict)
    words = models.TextField()
    state = models.CharField(max_length=8, choices=State.choices, default=State.WAITING)
    tree_size = models.BigIntegerField()
    root = models.BinaryField(max_length=32)
    checkpoint = models.TextField()
    expected = models.BigIntegerField()  # rows that the filter has in that tree
    estimated = models.BooleanField(default=False, db_default=False)  # that is about how many
    rows = models.BigIntegerField(default=0)
    size = models.BigIntegerField(default=0)  # bytes
    sha256 = models.CharField(max_length=64, default="", blank=True)
    event = models.UUIDField(null=True)  # audit.exported
    erased = models.BooleanField(default=False, db_default=False)  # it went with a person's values
    error = models.TextField(default="", blank=True)
    created = models.DateTimeField()
    finished = models.DateTimeField(null=True)
    expires = models.DateTimeField()
    lease = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["owner", "-created"], name="audit_export_owner"),
            models.Index(fields=["state", "lease"], name="audit_export_due"),
        ]

    def __str__(self) -> str:
        return f"{self.format} {self.state} {self.rows}/{self.expected}"


class ExportBlock(models.Model):
    """256 events as lines of a file, so that an export need not open each event again.

    Covers `first <= seq < first + 256` of the log; a cache that may be deleted at any time
    (`audit.exports.line_block_cache`). `seal` is an HMAC over `body`, so nobody without
    the key writes lines.
    """

    format = models.CharField(max_length=8)
    first = models.BigIntegerField()
    body = models.BinaryField()  # lines, compressed
    seal = models.BinaryField(max_length=32)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["format", "first"], name="audit_export_block_once")
        ]

    def __str__(self) -> str:
        return f"{self.format} {self.first}"
