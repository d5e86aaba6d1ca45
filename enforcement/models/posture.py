"""How gateways are meant to be set, and where they differ (ADR 45)."""

from __future__ import annotations

from django.db import models


class PostureBaseline(models.Model):
    """The settings of a gateway that an admin had approved. The newest one is in force; the
    decision that made it names the people."""

    instance = models.CharField(max_length=60)
    number = models.PositiveIntegerField()
    settings = models.JSONField()  # value by setting
    operation = models.CharField(max_length=40)
    event_id = models.UUIDField(null=True)
    created = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["instance", "number"], name="enforcement_one_baseline_a_number"
            )
        ]

    def __str__(self) -> str:
        return f"{self.instance} {self.number}"


class PostureDifference(models.Model):
    """A setting that is not as approved, once it is recorded as an event."""

    instance = models.CharField(max_length=60)
    setting = models.CharField(max_length=160)
    expected = models.CharField(max_length=120)
    seen = models.CharField(max_length=120)
    source = models.CharField(max_length=20)
    weakens = models.BooleanField()
    since = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["instance", "setting"], name="enforcement_one_difference_a_setting"
            )
        ]

    def __str__(self) -> str:
        return f"{self.instance} {self.setting}"
