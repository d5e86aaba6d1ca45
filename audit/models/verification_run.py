"""A run of the verifier that somebody asked for, and how far it is."""

from __future__ import annotations

import uuid

from django.db import models
from django.utils import timezone


class VerificationRun(models.Model):
    """State of one verification: waiting, running, passed, failed or broken (did not finish).

    `seen` is when the verifier last reported its progress; one that stays silent has died.
    """

    class State(models.TextChoices):
        WAITING = "waiting"
        RUNNING = "running"
        PASSED = "passed"
        FAILED = "failed"
        BROKEN = "broken"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    requested_by = models.TextField(default="", blank=True)
    state = models.CharField(max_length=8, choices=State.choices, default=State.WAITING)
    checked = models.BigIntegerField(default=0)
    total = models.BigIntegerField(default=0)
    result = models.JSONField(default=dict)
    asked = models.DateTimeField(default=timezone.now)
    seen = models.DateTimeField(null=True)
    started = models.DateTimeField(null=True)
    finished = models.DateTimeField(null=True)

    class Meta:
        indexes = [models.Index(fields=["-asked"], name="audit_run_newest")]

    def __str__(self) -> str:
        return f"{self.state} {self.checked}/{self.total}"
