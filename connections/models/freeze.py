"""What gets no token at all until somebody unfreezes it."""

from __future__ import annotations

from django.db import models


class FrozenKind(models.TextChoices):
    """What can be frozen; the service named `*` is everything."""

    AGENT = "agent", "agent"
    PERSON = "person", "person"
    SERVICE = "service", "service"


class Freeze(models.Model):
    """A freeze in force by one person; several people may freeze the same, and it ends for all of
    them at once. Who placed it and why is on the trail; ended ones are only there."""

    kind = models.CharField(max_length=10, choices=FrozenKind)
    name = models.CharField(max_length=255)  # agent name, subject, or Auth0 connection
    reason = models.CharField(max_length=500, blank=True)
    by = models.CharField(max_length=255)  # subject
    by_name = models.CharField(max_length=254, blank=True)
    since = models.DateTimeField()

    class Meta:
        indexes = (models.Index(fields=["kind", "name"], name="freeze_by_name"),)
        ordering = ("-since", "id")

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"
