"""What gets no token at all until somebody unfreezes it."""

from __future__ import annotations

from django.db import models


class FrozenKind(models.TextChoices):
    """What can be frozen; the service named `*` is everything."""

    AGENT = "agent", "agent"
    PERSON = "person", "person"
    SERVICE = "service", "service"


class Freeze(models.Model):
    """A freeze in force. Who placed it and why is on the trail; ended ones are only there."""

    kind = models.CharField(max_length=10, choices=FrozenKind)
    name = models.CharField(max_length=255)  # agent name, subject, or Auth0 connection
    reason = models.CharField(max_length=500, blank=True)
    by = models.CharField(max_length=255)  # subject
    by_name = models.CharField(max_length=254, blank=True)
    since = models.DateTimeField()

    class Meta:
        constraints = (models.UniqueConstraint(fields=["kind", "name"], name="one_freeze_each"),)
        ordering = ("-since", "id")

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"
