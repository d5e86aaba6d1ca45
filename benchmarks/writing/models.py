"""One row with the columns of an event: plain, logged, and with its history."""

from __future__ import annotations

from auditlog.registry import auditlog
from django.db import models
from simple_history.models import HistoricalRecords


class Thing(models.Model):
    """What each of them stores."""

    actor = models.TextField()
    actor_name = models.TextField()
    action = models.TextField()
    outcome = models.TextField()
    severity = models.TextField()
    target_kind = models.TextField()
    target_name = models.TextField()
    reason = models.TextField()
    time = models.DateTimeField()

    class Meta:
        abstract = True
        app_label = "writing"

    def __str__(self) -> str:
        return f"{self.action} {self.target_name}"


class Plain(Thing):
    """Only the row."""


class Logged(Thing):
    """The row, and a log entry of django-auditlog."""


class Historic(Thing):
    """The row, and a historic one of django-simple-history."""

    history = HistoricalRecords()


auditlog.register(Logged)
