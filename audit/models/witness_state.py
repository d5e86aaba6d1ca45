"""What each configured witness last answered: working state. What counts are its cosignatures."""

from __future__ import annotations

from django.db import models


class WitnessState(models.Model):
    """One witness, by the address that checkpoints are sent to."""

    class State(models.TextChoices):
        """How the last exchange ended."""

        NEW = "new", "not asked yet"
        OK = "ok", "cosigns"
        AWAY = "away", "does not answer"
        REFUSES = "refuses", "refuses this log"
        CONFLICT = "conflict", "has seen another history"

    url = models.CharField(primary_key=True, max_length=500)
    name = models.TextField(blank=True)  # key name of its last cosignature
    state = models.CharField(max_length=10, choices=State, default=State.NEW)
    detail = models.CharField(max_length=500, blank=True)
    size = models.BigIntegerField(default=0)  # the largest tree that it is known to have seen
    seen = models.DateTimeField(null=True)  # of the last cosignature
    since = models.DateTimeField(null=True)  # of the state
    failures = models.PositiveIntegerField(default=0)  # one after another
    due = models.DateTimeField(null=True)  # not asked before

    class Meta:
        ordering = ("url",)

    def __str__(self) -> str:
        return f"{self.url}: {self.state}"
