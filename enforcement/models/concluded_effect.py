"""What was last concluded at a gateway about a thing that somebody decided on."""

from __future__ import annotations

from django.db import models


class ConcludedEffect(models.Model):
    """One thing at one gateway. `decided` and `agents` are lists of agent and summary: what the
    decision came to when the gateway acknowledged it, and what was concluded last."""

    instance = models.CharField(max_length=60)
    kind = models.CharField(max_length=10)
    name = models.CharField(max_length=300)
    wanted = models.CharField(max_length=10)  # hold | block | allow
    decided = models.JSONField(default=list)
    agents = models.JSONField(default=list)
    sentences = models.JSONField(default=list)
    differs = models.BooleanField(default=False)  # from what was decided
    since = models.DateTimeField()  # when this was first concluded
    read_at = models.DateTimeField()  # when the gateway was asked for what it was concluded from

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["instance", "kind", "name"], name="one_conclusion_a_gateway"
            ),
        )

    def __str__(self) -> str:
        return f"{self.kind} {self.name} at {self.instance}"
