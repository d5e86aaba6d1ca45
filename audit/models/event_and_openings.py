"""The event itself, and the erasable values behind its commitments."""

from __future__ import annotations

from django.db import models

from audit.models.exact_json_field import ExactJSONField


class Event(models.Model):
    """One recorded fact: its exact entry bytes (RFC 8785). Triggers refuse UPDATE and DELETE."""

    id = models.UUIDField(primary_key=True, editable=False)
    entry = models.BinaryField()
    leaf_hash = models.BinaryField(max_length=32)  # SHA-256(0x00 || entry), RFC 6962 §2.1
    recorded_at = models.DateTimeField()

    def __str__(self) -> str:
        return str(self.id)


class Openings(models.Model):
    """Values and salts behind the commitments of one event that belong to one data subject.

    No foreign key: erasing these rows must never touch the event, nor the event forbid it.
    `values` is `{path: [base64 salt, value]}`.
    """

    event = models.UUIDField()
    subject = models.TextField(
        default="", blank=True
    )  # audit.recording.actors.subject_key, "" = nobody known
    values = ExactJSONField(default=dict)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["event", "subject"], name="audit_openings_once")
        ]
        indexes = [
            models.Index(
                fields=["subject"], name="audit_openings_subject", condition=~models.Q(subject="")
            )
        ]

    def __str__(self) -> str:
        return f"{self.event} ({len(self.values)} values)"
