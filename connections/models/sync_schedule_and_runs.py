"""When the next look at Auth0 is due, and what it offers to connect."""

from __future__ import annotations

from django.db import models

from audit.clock import uuid7


class Schedule(models.Model):
    """One recurring job; `due` in the past means that a worker should take it."""

    name = models.CharField(max_length=30, primary_key=True)  # people | accounts | tenant | …
    due = models.DateTimeField()
    lease = models.DateTimeField(null=True)
    started = models.DateTimeField(null=True)
    finished = models.DateTimeField(null=True)  # of the last run that reached its end
    done = models.PositiveIntegerField(default=0)
    total = models.PositiveIntegerField(default=0)
    failed = models.PositiveIntegerField(default=0)  # people that could not be read
    detail = models.CharField(max_length=300, blank=True)
    after = models.BigIntegerField(default=0)  # where a job that goes on by itself was stopped

    def __str__(self) -> str:
        return self.name


class ReconcileRun(models.Model):
    """One comparison of everybody with Auth0, that goes on where it stopped.

    `after` is the person up to whom it is done, in the order of `Person.id`. The events of its
    differences carry `id` as their operation.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    started = models.DateTimeField()
    finished = models.DateTimeField(null=True)
    after = models.BigIntegerField(default=0)
    total = models.PositiveIntegerField(default=0)  # people
    done = models.PositiveIntegerField(default=0)
    failed = models.PositiveIntegerField(default=0)  # of those done: could not be read
    resumed = models.PositiveIntegerField(default=0)  # how often it went on after a stop
    stuck = models.PositiveIntegerField(default=0)  # stops in a row before the same people
    appeared = models.PositiveIntegerField(default=0)
    vanished = models.PositiveIntegerField(default=0)
    scopes_changed = models.PositiveIntegerField(default=0)
    other = models.PositiveIntegerField(default=0)  # expired, came back, another end

    class Meta:
        ordering = ("-started", "id")

    def __str__(self) -> str:
        return f"{self.started:%Y-%m-%d %H:%M} {self.done} of {self.total}"

    @property
    def differences(self) -> int:
        """How many were found so far."""
        return self.appeared + self.vanished + self.scopes_changed + self.other


class ConnectionSetting(models.Model):
    """A connection that the tenant offers for connected accounts."""

    name = models.CharField(max_length=128, primary_key=True)
    strategy = models.CharField(max_length=128, blank=True)
    connectable = models.BooleanField(default=False)
    seen_at = models.DateTimeField()

    class Meta:
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name
