"""What admins set for a connection: when its accounts fall asleep and who wakes them."""

from __future__ import annotations

from typing import Any

from django.db import models


class JustInTime(models.Model):
    """The setting in force of one connection; older ones are on the trail."""

    name = models.CharField(max_length=128, primary_key=True)  # Auth0 connection, such as github
    idle_h = models.PositiveIntegerField(null=True)
    hours = models.JSONField(null=True)  # days, opens, closes, zone
    wake = models.CharField(max_length=10, default="use")  # use | owner
    changed_at = models.DateTimeField()
    changed_by = models.CharField(max_length=255)  # subject
    changed_name = models.CharField(max_length=254, blank=True)
    also_by = models.JSONField(default=list)  # subjects of others whose limits it keeps

    class Meta:
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name

    def as_json(self) -> dict[str, Any]:
        """Plain JSON, as `connection_settings.Setting.read` takes it."""
        return {"idle_h": self.idle_h, "hours": self.hours, "wake": self.wake}
