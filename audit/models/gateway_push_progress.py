"""How far a gateway's pushes have come, so that what is missing shows."""

from __future__ import annotations

from django.db import models


class PushProgress(models.Model):
    """What one gateway pushed last: its run, and the newest step of each session."""

    instance = models.TextField(unique=True)
    run = models.TextField(default="")
    run_at = models.DateTimeField(null=True)  # when it began or, after its end, ended
    run_ended = models.BooleanField(default=False)
    sessions = models.JSONField(default=dict)  # run and session: newest step, whether all are sent

    def __str__(self) -> str:
        return self.instance
