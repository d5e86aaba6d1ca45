"""What a skill or MCP server declares that it needs."""

from __future__ import annotations

from django.db import models


class Manifest(models.Model):
    """The declaration in force of one component; older ones are on the trail."""

    kind = models.CharField(max_length=30)
    name = models.CharField(max_length=200)
    env = models.JSONField(default=dict)  # connection -> environment variable
    url = models.CharField(max_length=500, blank=True)  # of an HTTP server
    digest = models.CharField(max_length=64)  # hex SHA-256 of the canonical declaration
    declared_by = models.CharField(max_length=255, blank=True)  # subject; empty = shipped with us
    declared_at = models.DateTimeField()

    class Meta:
        constraints = (models.UniqueConstraint(fields=["kind", "name"], name="one_manifest_each"),)
        ordering = ("kind", "name")

    def __str__(self) -> str:
        return f"{self.kind}:{self.name}"


class HeldVariables(models.Model):
    """Whose tokens a component's variables hold or ever held; kept when its manifest is removed."""

    kind = models.CharField(max_length=30)
    name = models.CharField(max_length=200)
    connections = models.JSONField(default=dict)  # variable -> connections, sorted

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["kind", "name"], name="held_variables_once"),
        )

    def __str__(self) -> str:
        return f"{self.kind}:{self.name}"


class AllowRule(models.Model):
    """Whether components nobody decided on get credentials: one row with id 1; none means no."""

    open = models.BooleanField(default=False)
    changed_at = models.DateTimeField()
    changed_by = models.CharField(
        max_length=255, blank=True
    )  # subject; empty = kept by a migration

    def __str__(self) -> str:
        return "open" if self.open else "an allow is needed"


class ManifestNeed(models.Model):
    """One connection of a manifest, with the scopes it may ask for."""

    manifest = models.ForeignKey(Manifest, models.CASCADE, related_name="needs")
    connection = models.CharField(max_length=128, db_index=True)
    scopes = models.JSONField(default=list)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["manifest", "connection"], name="one_need_each"),
        )
        ordering = ("id",)

    def __str__(self) -> str:
        return f"{self.manifest_id}: {self.connection}"
