"""Scopes asked for beyond a manifest: what was tried, what people allowed, what is set for each."""

from __future__ import annotations

from django.db import models

from audit.clock import uuid7


class Escalation(models.Model):
    """One thing that a component tried to get beyond its manifest, from one account.

    `key` names it whole, so that two processes that try at once find the same row. `approval` is
    the newest request about it; what became of that is the approval's own row.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    key = models.CharField(max_length=64, unique=True)  # hex SHA-256 of all that follows
    account = models.ForeignKey(
        "connections.ConnectedAccount", models.CASCADE, related_name="escalations"
    )
    kind = models.CharField(max_length=30)
    name = models.CharField(max_length=200)
    scopes = models.JSONField(default=list)  # sorted
    agent = models.CharField(max_length=100, blank=True)  # who tried last; asserted
    attempts = models.PositiveIntegerField(default=0)
    first_at = models.DateTimeField()
    last_at = models.DateTimeField()
    approval = models.CharField(max_length=36, blank=True)
    asked_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ("-last_at", "id")

    def __str__(self) -> str:
        return f"{self.kind}:{self.name} beyond its manifest"


class Allowance(models.Model):
    """Scopes beyond its manifest that a component may use of one account until it ends."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    account = models.ForeignKey(
        "connections.ConnectedAccount", models.CASCADE, related_name="allowances"
    )
    kind = models.CharField(max_length=30)
    name = models.CharField(max_length=200)
    scopes = models.JSONField(default=list)
    agent = models.CharField(max_length=100, blank=True)  # who asked; asserted, binds nobody
    escalation = models.CharField(max_length=36, blank=True)
    approval = models.CharField(max_length=36, blank=True)
    granted_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)  # withdrawn before it expired
    ended_by = models.CharField(max_length=255, blank=True)  # subject

    class Meta:
        indexes = (
            models.Index(fields=["account", "kind", "name", "expires_at"], name="allowance_lookup"),
        )
        ordering = ("-granted_at", "id")

    def __str__(self) -> str:
        return f"{self.kind}:{self.name} until {self.expires_at}"


class Attempts(models.Model):
    """What one component tried in one person's name within the last hour."""

    iss = models.CharField(max_length=255)
    sub = models.CharField(max_length=255)
    kind = models.CharField(max_length=30)
    name = models.CharField(max_length=200)
    tries = models.JSONField(default=list)  # seconds since the epoch, oldest first
    asks = models.JSONField(default=list)  # those of them that were put to a person

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["iss", "sub", "kind", "name"], name="attempts_by_person_and_component"
            ),
        )

    def __str__(self) -> str:
        return f"{self.kind}:{self.name}: {len(self.tries)} within the hour"


class ScopeRule(models.Model):
    """What is set for a connection about scopes beyond manifests; older ones are on the trail."""

    name = models.CharField(max_length=128, primary_key=True)  # Auth0 connection, such as github
    excess = models.CharField(max_length=10, default="flag")  # flag | refuse
    anonymous = models.BooleanField(default=False)
    allow_for_s = models.PositiveIntegerField(default=3600)
    changed_at = models.DateTimeField()
    changed_by = models.CharField(max_length=255)  # subject

    class Meta:
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name
