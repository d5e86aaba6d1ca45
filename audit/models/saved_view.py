"""Views of the trail that people saved, and how their owners are notified of new rows."""

from __future__ import annotations

import uuid
from typing import Any

from django.db import models

from audit.models.exact_json_field import ExactJSONField


class SavedView(models.Model):
    """One filter with a name. No evidence: it tells how somebody looks, and decides nothing.

    `filter` is the canonical text of `EventQuery.written_bar`; it is parsed again at every use, so
    its relative dates count from then, and one that an older version understood may have mistakes.
    A deleted one stays for a day, to be restored by the person who removed it. `owner` and
    `removed_by` are subject keys; "" is nobody any more.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.CharField(max_length=64, blank=True)
    maker: models.Field[Any, Any] = ExactJSONField(default=dict)  # sub, name, email of the owner
    name = models.CharField(max_length=80)
    description = models.CharField(max_length=300, default="", blank=True)
    filter = models.TextField(blank=True)
    shared = models.BooleanField(default=False)
    created = models.DateTimeField()
    changed = models.DateTimeField()
    removed = models.DateTimeField(null=True)
    removed_by = models.CharField(max_length=64, default="", blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["owner"], name="audit_view_owner"),
            models.Index(
                fields=["-changed", "-id"],
                condition=models.Q(shared=True),
                name="audit_view_shared",
            ),
            models.Index(
                fields=["removed"],
                condition=models.Q(removed__isnull=False),
                name="audit_view_removed",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({'shared' if self.shared else 'private'})"


class NotifyBy(models.TextChoices):
    """How the owner of a view is notified of its new rows."""

    NONE = "none", "not"
    EMAIL = "email", "by e-mail"
    WEEKLY = "weekly", "once a week by e-mail"
    WEBHOOK = "webhook", "to the team's webhook"


class ViewNotification(models.Model):
    """How far the rows of one view were counted for its owner, and when they were last notified.

    `due` is when it is looked at next, None where notifications are off or weekly. `found` of the
    rows with an index below `counted_to` are new since `since`. `detail` says why nothing was sent.
    """

    view = models.OneToOneField(
        SavedView, models.CASCADE, primary_key=True, related_name="notification"
    )
    notify_by = models.CharField(max_length=10, choices=NotifyBy)
    counted_to = models.BigIntegerField()
    found = models.PositiveSmallIntegerField(default=0)
    since = models.DateTimeField()
    sent = models.DateTimeField(null=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    detail = models.CharField(max_length=200, default="", blank=True)
    due = models.DateTimeField(null=True, db_index=True)
    lease = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.view_id} {self.notify_by}: {self.found} since {self.since}"


class WeeklyDigest(models.Model):
    """When a person is next sent one e-mail about all their views with weekly notifications.

    `owner` is their subject key. `detail` says why the last attempt sent nothing.
    """

    owner = models.CharField(max_length=64, primary_key=True)
    sent = models.DateTimeField(null=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    detail = models.CharField(max_length=200, default="", blank=True)
    due = models.DateTimeField(db_index=True)
    lease = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.owner} due {self.due}"
