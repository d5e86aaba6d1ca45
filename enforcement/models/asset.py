"""What the portal decided about a skill, MCP server, plugin or tool, and a hold that stands."""

from __future__ import annotations

from django.db import models


class Decision(models.TextChoices):
    """The standing decision; a hold lies on top of it and does not change it."""

    NONE = "none", "no decision"
    BLOCK = "block", "blocked"
    ALLOW = "allow", "allowed"


class Asset(models.Model):
    """One thing on one instance, or on every instance where `instance` is empty."""

    kind = models.CharField(max_length=10)
    name = models.CharField(max_length=300)
    instance = models.CharField(max_length=60, blank=True)
    decision = models.CharField(max_length=10, choices=Decision, default=Decision.NONE)
    decided_by = models.CharField(max_length=254, blank=True)  # name for display
    decided_sub = models.CharField(max_length=255, blank=True)
    decided_at = models.DateTimeField(null=True)
    reason = models.TextField(blank=True)
    approval = models.CharField(max_length=36, blank=True)
    operation = models.CharField(max_length=36, blank=True)
    holder = models.CharField(max_length=36, blank=True)  # approval or operation that holds it
    held_by = models.CharField(max_length=254, blank=True)
    held_at = models.DateTimeField(null=True)
    held_until = models.CharField(max_length=40, blank=True)
    hold_approval = models.CharField(max_length=36, blank=True)
    hold_reason = models.TextField(blank=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["kind", "name", "instance"], name="one_standing_per_asset"
            ),
        )

    def __str__(self) -> str:
        return f"{self.kind} {self.name}: {self.standing}"

    @property
    def standing(self) -> str:
        """`hold` while it is held, else the decision."""
        return "hold" if self.holder else self.decision
