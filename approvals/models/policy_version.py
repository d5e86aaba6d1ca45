"""The policy documents that were ever in force; the newest row is the one in force."""

from __future__ import annotations

from django.db import models


class PolicyVersion(models.Model):
    """One document, written by `policy.change` only. A document carries its number, so that going
    back to earlier rules is a separate version."""

    digest = models.CharField(max_length=64, unique=True)
    document = models.JSONField()
    event_id = models.UUIDField(null=True)  # `policy.changed`, filled in the same transaction
    approval = models.CharField(max_length=36, blank=True)
    operation = models.CharField(max_length=36, blank=True)
    created = models.DateTimeField()
    author = models.JSONField(default=dict)  # Actor as JSON

    def __str__(self) -> str:
        return f"policy {self.digest[:12]}"
