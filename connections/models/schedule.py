"""When the next look at Auth0 is due, and what it offers to connect."""

from __future__ import annotations

from django.db import models


class Schedule(models.Model):
    """One recurring job; `due` in the past means that a worker should take it."""

    name = models.CharField(max_length=30, primary_key=True)  # people | accounts | tenant
    due = models.DateTimeField()
    lease = models.DateTimeField(null=True)
    started = models.DateTimeField(null=True)
    finished = models.DateTimeField(null=True)  # of the last run that reached its end
    done = models.PositiveIntegerField(default=0)
    total = models.PositiveIntegerField(default=0)
    failed = models.PositiveIntegerField(default=0)  # people that could not be read
    detail = models.CharField(max_length=300, blank=True)

    def __str__(self) -> str:
        return self.name


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
