"""How far each instance was read, and what it last said about itself."""

from __future__ import annotations

from django.db import models
from django.utils import timezone


class Watch(models.Model):
    """One row an instance; the row without a name is the lease for automatic requests."""

    name = models.CharField(max_length=60, unique=True, blank=True)
    watched_since = models.DateTimeField(default=timezone.now)
    due = models.DateTimeField(db_index=True)
    lease = models.DateTimeField(null=True)
    started = models.BooleanField(default=False)  # False: nothing read yet, history is not asked
    last_rowid = models.BigIntegerField(default=0)
    last_scan = models.CharField(max_length=100, blank=True)
    source = models.CharField(max_length=300, blank=True)  # why the audit database is not readable
    read_at = models.DateTimeField(null=True)  # when it was last read, give or take ten seconds
    read_since = models.DateTimeField(null=True)  # since when without a break
    probe_due = models.DateTimeField(null=True)
    reachable = models.BooleanField(null=True)  # None: never asked
    token_refused = models.BooleanField(default=False)  # unreachable, as it refuses our token
    detail = models.CharField(max_length=300, blank=True)
    version = models.CharField(max_length=60, blank=True)
    connectors = models.JSONField(default=list)
    last_seen = models.DateTimeField(null=True)
    checked = models.DateTimeField(null=True)
    blocked = models.JSONField(default=list)  # [{kind, name, reason}] as the gateway lists them
    allowed = models.JSONField(default=list)
    listed_at = models.DateTimeField(null=True)
    settings = models.JSONField(default=dict)  # as `ReportedSettings.as_json`
    posture = models.JSONField(default=dict)  # as `posture.reported_by_gateway.settings_in`

    def __str__(self) -> str:
        return self.name or "asking"


class GatewayCall(models.Model):
    """The lease for changes at a gateway that takes one at a time (0.2.0 waits for no lock)."""

    name = models.CharField(max_length=60, unique=True)
    lease = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return self.name
