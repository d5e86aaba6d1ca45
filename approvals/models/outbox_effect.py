"""Remote steps of a committed decision: an outbox, one row a step."""

from __future__ import annotations

from django.db import models


class EffectState(models.TextChoices):
    """`unknown` = the answer was lost after the request may have been done; read back first."""

    PENDING = "pending", "pending"
    DONE = "done", "done"
    FAILED = "failed", "failed"
    UNKNOWN = "unknown", "unknown, being checked"


class Effect(models.Model):
    """One remote step, idempotent or read back before a retry (DESIGN 1.3.4)."""

    id = models.UUIDField(primary_key=True, editable=False)
    kind = models.CharField(max_length=60)
    verb = models.CharField(max_length=60)
    event = models.CharField(max_length=60)  # the action its result is recorded under
    operation = models.CharField(max_length=36, db_index=True)
    approval = models.ForeignKey(
        "approvals.Approval", models.SET_NULL, null=True, related_name="effects"
    )
    actor = models.JSONField(default=dict)
    target_kind = models.CharField(max_length=30)
    target_name = models.CharField(max_length=300)
    instance = models.CharField(max_length=60, blank=True)
    label = models.CharField(max_length=200, blank=True)
    severity = models.CharField(max_length=10, default="INFO")
    intent_hash = models.CharField(max_length=64, blank=True)
    payload = models.JSONField(default=dict)
    seal = models.CharField(max_length=64, blank=True)  # over what it does, by row_seals
    state = models.CharField(max_length=10, choices=EffectState, default=EffectState.PENDING)
    detail = models.CharField(max_length=500, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    created = models.DateTimeField()
    updated = models.DateTimeField()
    due = models.DateTimeField(db_index=True, null=True)
    lease = models.DateTimeField(null=True)

    class Meta:
        indexes = (
            models.Index(fields=["target_kind", "target_name", "state"], name="effect_target"),
        )

    def __str__(self) -> str:
        return f"{self.label or self.kind}: {self.state}"
